"""Which plots a report has: each two metrics against each other, each axis, each two axes."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from infra.answers.measured import SCORES
from infra.answers.report import effects, plots, words
from infra.answers.report.study import Levels, Study
from infra.answers.report.summary import measured
from infra.types import Measure

#: levels of an axis, and lines, that still make a plot
MOST_LEVELS, MOST_LINES = 12, 6
#: from left to right: what stands later is the height of a plot
ORDER = ("peak_memory", "decode_tps", *SCORES)


def fronts(study: Study, metrics: Sequence[str], stars: Collection[Path]) -> Iterator[Markup]:
    """A plot for each two metrics, with a point for each combination that has both."""
    known = study.kinds
    scales = {metric: plots.scale(metric, known[metric].unit) for metric in metrics}
    for x, y in itertools.combinations(sorted(metrics, key=ORDER.index), 2):
        if points := _points(study, x, y, stars):
            yield plots.scatter(f"{y} over {x}", points, scales[x], scales[y])


def _points(study: Study, x: str, y: str, stars: Collection[Path]) -> list[plots.Point]:
    known, found = study.kinds, []
    for number, (levels, repeats) in enumerate(study.combinations.items()):
        rows = list(repeats.values())
        first, second = measured(rows, x), measured(rows, y)
        if first and second:
            front = any(row.folder in stars for row in rows)
            told = [
                f"{name} {words.value(each, known[name].unit)}"
                for name, each in ((x, first), (y, second))
            ]
            text = "\n".join([study.label(levels), *told, *["on the Pareto front"] * front])
            looks = _looks(study, levels)
            found.append(plots.Point(first, second, *looks, front, f"c{number}", text))
    return found


def _looks(study: Study, levels: Levels) -> tuple[int, int, bool]:
    """The colour tells the level of the first axis, the shape that of the second; the second level
    of a third is hollow."""
    chosen = zip(study.axes, levels, strict=True)
    places = [*(study.values(axis).index(level) for axis, level in chosen), 0, 0, 0]
    return places[0], places[1], hollows(study) and places[2] == 1


def hollows(study: Study) -> bool:
    """Whether there is a third axis that hollow points can tell."""
    return len(study.axes) > 2 and len(study.values(study.axes[2])) == 2


def of_levels(study: Study, metrics: Sequence[str]) -> Iterator[Markup]:
    """The metrics over each axis, means over the settings of the others."""
    known = study.kinds
    for axis in study.axes:
        if not 2 <= len(study.values(axis)) <= MOST_LEVELS:
            continue
        for metric in metrics:
            if line := effects.level_means(study, axis, metric):
                scale = plots.scale(metric, known[metric].unit)
                yield plots.levels(f"{metric} over {axis}", {axis: line}, scale, axis)


def of_pairs(study: Study, metrics: Sequence[str]) -> Iterator[Markup]:
    """The first of two axes along the bottom, a line for each level of the second."""
    known = study.kinds
    for one, other in study.pairs():
        if len(study.values(one)) > MOST_LEVELS or len(study.values(other)) > MOST_LINES:
            continue
        for metric in metrics:
            lines = _lines(study, one, other, metric)
            if all(lines.values()):
                scale = plots.scale(metric, known[metric].unit)
                yield plots.levels(f"{metric} over {one} and {other}", lines, scale, one)


def _lines(study: Study, one: str, other: str, metric: str) -> dict[str, dict[str, Measure]]:
    firsts, seconds = study.values(one), study.values(other)
    places = [{one: a, other: b} for b in seconds for a in firsts]
    found = iter(effects.means(study, places, metric))
    rows = {f"{other}={b}": {a: next(found, None) for a in firsts} for b in seconds}
    return {name: {a: each for a, each in row.items() if each} for name, row in rows.items()}
