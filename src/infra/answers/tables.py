"""Runs as a table: only what differs, and the metrics that matter, in the size people read."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from infra.answers.measured import METRICS, Kind, kinds
from infra.answers.selection import Row, varying
from infra.answers.written import legible, word
from infra.console import value

STAR = "★"


def table(
    rows: Sequence[Row],
    among: Sequence[Row],
    stars: Collection[Path] = (),
    metrics: Sequence[str] = (),
) -> list[list[str]]:
    """The header, then one row a run.

    Args:
        among: the runs that ``rows`` were chosen from; what differs in them gets a column.
        stars: folders of the runs that are marked.
        metrics: shown beside the usual ones.
    """
    axes, shown = columns(among), measured(kinds(among), metrics)
    mark = [STAR] if stars else []
    found = [["run", "status", *mark, *axes, *shown]]
    words = {axis: legible(row.axes.get(axis, "") for row in among) for axis in axes}
    for row in rows:
        star = [STAR if row.folder in stars else ""] if stars else []
        chosen = [_line(words[axis][word(row.axes.get(axis, ""))]) for axis in axes]
        cells = [value(row.data["metrics"].get(name)) for name in shown]
        found.append([row.name, row.data["status"], *star, *chosen, *cells])
    return found


def columns(rows: Sequence[Row]) -> list[str]:
    """The keys that differ; with one run, what it was made of."""
    return varying(rows) if len(rows) > 1 else ["model", "backend", "quantization"]


def measured(known: Mapping[str, Kind], wanted: Sequence[str]) -> list[str]:
    """The usual metrics among those that are known, and the ``wanted`` ones."""
    return [name for name in dict.fromkeys((*METRICS, *wanted)) if name in known]


def _line(cell: str) -> str:
    return cell.replace("\n", "\\n")
