"""The page of a report: what the template is given, gathered from a study."""

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from infra import __version__
from infra.answers import pareto, tables
from infra.answers.report import effects, pictures, sections, summary
from infra.answers.report.plots import MARKERS, SERIES
from infra.answers.report.study import Study
from infra.console import counted
from infra.types import Json

#: interactions that are listed
MOST = 24
#: the plots' shapes, in the same order, as characters
SHAPES = dict(zip(MARKERS, "●■▲◆▼✚", strict=True))


def rendered(study: Study) -> str:
    """The whole page, HTML; whatever comes from runs is escaped."""
    import jinja2  # noqa: PLC0415  # a page is made at the end, if at all

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("infra.answers.report", "."), autoescape=True,
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["counted"] = counted
    return environment.get_template("page.html.j2").render(**contents(study))


def contents(study: Study) -> dict[str, Any]:
    """The template's variables."""
    metrics = pareto.usual(study.kinds) if study.combinations else ()  # killed runs have some
    stars = pareto.marked(study.rows, metrics)
    shown = tables.measured(study.kinds, ())
    main = [e for axis in study.axes for m in metrics for e in effects.main(study, axis, m)]
    both = [
        e for two in study.pairs() for m in metrics for e in effects.interactions(study, two, m)
    ]
    return {
        "version": __version__,
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "study": study,
        "question": _question(study),
        "counts": Counter(row.data["status"].lower() for row in study.rows),
        "skipped": _skipped(study.sweep.get("cells", ())),
        "headline": summary.headline(study, metrics),
        "bests": list(summary.bests(study, metrics)),
        "metrics": metrics,
        "legend": _legend(study),
        "fronts": list(pictures.fronts(study, metrics, stars)),
        "main": sections.told(main),
        "main_plots": list(pictures.of_levels(study, metrics)),
        "interactions": sections.told(both)[:MOST],
        "left_out": max(0, len(both) - MOST),
        "interaction_plots": list(pictures.of_pairs(study, metrics)),
        "header": sections.header(study, shown),
        "table": sections.table(study, shown, stars),
        "failures": sections.failures(study.rows),
        "flags": Counter(flag for row in study.rows for flag in row.data["flags"]),
        "notes": Counter(note for row in study.rows for note in row.data["notes"]),
        "environment": sections.environment(study.rows),
        "definitions": sections.definitions([*shown, *metrics]),
    }


def _question(study: Study) -> list[tuple[str, str]]:
    """What was asked, as lines with a title."""
    sweep, found = study.sweep, []
    if sweep:
        command = shlex.join(["python", "-m", "infra", *sweep["command"]])
        lines = {
            "name": sweep["name"], "about": sweep.get("about"), "command": command,
            "started": f"{datetime.fromtimestamp(sweep['started'], UTC):%Y-%m-%d %H:%M} UTC",
            "status": sweep["status"], "repeats": sweep["repeats"],
        }  # fmt: skip
        found = [(title, str(line)) for title, line in lines.items() if line is not None]
    return [*found, *((axis, ", ".join(study.values(axis))) for axis in study.axes)]


def _skipped(cells: Any) -> Counter[str]:
    """How many cells did not run, by why."""
    words: dict[str, str] = {"done before": "done before", "double": "the same as another one"}
    return Counter(words[cell["state"]] for cell in cells if cell["state"] in words)


def _legend(study: Study) -> list[tuple[str, list[dict[str, Json]]]]:
    """The axes that a point's looks tell, with the looks of each level."""
    looks: list[tuple[Sequence[str], Sequence[str]]] = [
        ([f"--series-{number}" for number in range(len(SERIES))], "●"),
        (["--ink"], [SHAPES[marker] for marker in MARKERS]),
    ]
    if pictures.hollows(study):
        looks.append((["--ink"], "●○"))
    found = []
    for axis, (colours, shapes) in zip(study.axes, looks, strict=False):
        levels = [
            {
                "level": level,
                "colour": colours[number % len(colours)],
                "shape": shapes[number % len(shapes)],
            }
            for number, level in enumerate(study.values(axis))
        ]
        found.append((axis, levels))
    return found
