"""A run's numbers, as people read them."""

import rich.box
from rich.table import Table
from rich.text import Text

from infra.experts import heatmap
from infra.types import Json, Record, Routing

#: columns of a picture of experts
HEAT = 100


def title(record: Record) -> Text:
    """What was run, in one line."""
    plan, facts = record.plan, record.facts
    parts = [plan["backend"], plan["quantization"]]
    if facts:
        parts += [f"K={facts.effective_k}/{facts.experts}"] if facts.experts else []
        parts += [f"{facts.bits_per_weight:.1f} bits", facts.dtype, facts.device]
    state = "" if record.status == "FINISHED" else f"{record.status} "
    name = Text(plan["model"]["name"], style="bold")
    return Text(state, style="red") + name + Text(" · " + " · ".join(parts), style="not bold")


def summary(record: Record) -> list[list[str]]:
    """The run's metrics below a header, percentiles of one quantity in one row."""
    rows = [["metric", "value or p50", "p95", "p99", "n"]]
    for name, measure in record.metrics.items():
        stem, _, percentile = name.rpartition("_p")
        if percentile == "50":
            cells = [value(record.metrics.get(f"{stem}_p{p}")) for p in (50, 95, 99)]
            rows.append([stem, *cells, str(measure["n"])])
        elif not percentile.isdigit():
            rows.append([name, with_interval(measure), "", "", str(measure["n"])])
    return rows


def lined(rows: list[list[str]]) -> Table:
    """A table with a line below its header and numbers at the right."""
    table = Table(box=rich.box.SIMPLE)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == rows[0][0] else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def routed(routing: Routing, width: int) -> Text:
    """How many tokens each expert got, as blocks: layers down, experts across."""
    title = f"\nexperts used by {routing.tokens} tokens of {routing.phase}, layers down\n"
    lines = heatmap.blocks(routing, min(width, HEAT) - 2)
    return Text(title, "dim") + Text("\n".join(f"▏{line}▕" for line in lines))


def value(measure: Json) -> str:
    """A measure from a record as people read it; nothing for one that is missing."""
    return shown(measure["value"], measure["unit"]) if measure else ""


def with_interval(measure: Json) -> str:
    """A measure as people read it, and where it lies with 95 % confidence if it says so."""
    if "low" not in measure:
        return value(measure)
    low, high = (shown(measure[key], measure["unit"]) for key in ("low", "high"))
    return f"{value(measure)} [{low}, {high}]"


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "run"), counted(0, "load")
    ('1 run', '0 loads')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown(value: Json, unit: str) -> str:
    """A number with its unit, in the size people read."""
    if unit == "bytes":
        return f"{value / 1e6:,.1f} MB"
    if unit == "share":
        return f"{value:.1%}"
    if unit == "s":
        return f"{value * 1000:,.1f} ms" if abs(value) < 1 else f"{value:,.2f} s"
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{number} {unit}".strip()
