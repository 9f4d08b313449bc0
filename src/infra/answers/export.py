"""Runs for other programs: CSV, JSON, JSON lines and Markdown, whole and in base units.

Times are seconds, sizes bytes, shares between 0 and 1.
"""

import csv
import io
import json
from collections.abc import Collection, Sequence
from pathlib import Path

from infra.answers.measured import kinds
from infra.answers.selection import Row
from infra.types import Json

#: parts of record.json that are long and that no table is made of
LEFT_OUT = {"samples"}


def to_json(row: Row, stars: Collection[Path]) -> dict[str, Json]:
    """A run as one object: its name, what was chosen, and its record."""
    kept = {key: value for key, value in row.data.items() if key not in LEFT_OUT}
    return {"run": row.name, "pareto": row.folder in stars, "axes": dict(row.axes), **kept}


def as_json(rows: Sequence[Row], stars: Collection[Path]) -> str:
    """One array."""
    return json.dumps([to_json(row, stars) for row in rows], indent=1) + "\n"


def as_jsonl(rows: Sequence[Row], stars: Collection[Path]) -> str:
    """A line a run."""
    return "".join(json.dumps(to_json(row, stars)) + "\n" for row in rows)


def as_csv(rows: Sequence[Row], stars: Collection[Path]) -> str:
    """A line a run below a header: all that was chosen, then all metrics; what a run has not is
    empty. RFC 4180, but for lines that end as everywhere else."""
    axes = list(dict.fromkeys(axis for row in rows for axis in row.axes))
    metrics = sorted(kinds(rows))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", "status", "cause", "started", "pareto", *axes, *metrics])
    for row in rows:
        data = row.data
        fixed = [row.name, data["status"], data.get("cause"), data.get("started")]
        chosen = [_cell(row.axes.get(axis)) for axis in axes]
        values = [row.metric(name) for name in metrics]
        writer.writerow([*fixed, int(row.folder in stars), *chosen, *values])
    return out.getvalue()


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    """A table as GitHub shows it, from its rows, the first of them the header."""
    header, *body = [[_escaped(cell) for cell in row] for row in table]
    lines = [header, ["---"] * len(header), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Json) -> Json:
    return json.dumps(value) if isinstance(value, list | dict | bool) else value


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
