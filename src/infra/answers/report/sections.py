"""What stands below the plots: runs, failures, the machine, definitions."""

import inspect
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from infra.answers.finding import BETTER, WORSE
from infra.answers.report.effects import Effect
from infra.answers.report.study import Study
from infra.answers.selection import Row
from infra.answers.tables import STAR
from infra.answers.wording import TIMES, relation
from infra.console import value
from infra.plugins import registry
from infra.types import Json


class Cell(NamedTuple):
    """A cell of the table of runs: what is shown, and what it is sorted by."""

    text: str
    key: Json


def header(study: Study, metrics: Sequence[str]) -> list[str]:
    """The columns of the table of runs."""
    return ["run", "status", STAR, *study.axes, "repeat", *metrics]


def table(
    study: Study, metrics: Sequence[str], stars: Collection[Path]
) -> list[tuple[str, list[Cell]]]:
    """For each run what the points of its combination link to, and its cells."""
    numbers = {levels: f"c{number}" for number, levels in enumerate(study.combinations)}
    found = []
    for row in study.rows:
        levels = study.levels[row.folder]
        star = STAR if row.folder in stars else ""
        fixed = [row.name, row.data["status"], star, *levels, str(row.data["plan"]["repeat"])]
        measures = [row.data["metrics"].get(name) for name in metrics]
        cells = [Cell(text, text) for text in fixed]
        cells += [Cell(value(each), each["value"] if each else "") for each in measures]
        found.append((numbers.get(levels, ""), cells))
    return found


def told(found: Iterable[Effect]) -> list[dict[str, Any]]:
    """Effects as rows; those that are shown come first."""
    rows: list[dict[str, Any]] = [
        {
            "axis": f" {TIMES} ".join(each.axes), "metric": each.finding.metric,
            "level": each.level, "reference": each.reference, "word": each.word,
            "change": relation(each.finding), "n": each.finding.samples[0],
        }
        for each in found
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row["word"] not in (BETTER, WORSE))


def failures(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Name, status and cause of each run that was not finished."""
    ended = [row for row in rows if row.data["status"] != "FINISHED"]
    return [(row.name, row.data["status"], row.data["cause"] or "") for row in ended]


def environment(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """What the runs ran on and with; more than one value of a thing means that they differ."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        engine = {"engine": row.data["facts"]["engine"]} if row.data["facts"] else {}
        told = {**engine, **row.data["machine"], **row.data["plan"]["versions"]}
        for key, each in told.items():
            if each is None:  # a commit where there is none
                continue
            text = f"{each / 1e9:.1f} GB" if key == "memory" else str(each)
            found.setdefault(key, {})[text] = None
    return [(key, list(values)) for key, values in found.items()]


def definitions(metrics: Sequence[str]) -> list[tuple[str, str]]:
    """The metrics as their functions define them."""
    offers = registry().offers["infra_metrics"]
    known = [name for name in dict.fromkeys(metrics) if name in offers]
    return [(name, inspect.getdoc(offers[name].value.compute) or "") for name in known]
