"""Plots as SVG for a page: drawn once by matplotlib, coloured by the page's own style sheet.

Nothing runs in the browser, so that a page with many runs opens at once, and each point is a link
to its row in the table.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup, escape

from infra.types import Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: colours that matplotlib is told -> the variables of the style sheet that take their place
INK, FAINT, BACK = "#010203", "#020304", "#030405"
SERIES = tuple(f"#0405{number:02x}" for number in range(6, 12))
NAMES = {INK: "--ink", FAINT: "--faint", BACK: "--back"}
COLOURS = NAMES | {colour: f"--series-{number}" for number, colour in enumerate(SERIES)}
MARKERS = ("o", "s", "^", "D", "v", "P")
#: points up to which all of them show their intervals
MOST_BARS = 60
#: what matplotlib would say about itself and the day
UNSAID = ("Date", "Creator", "Format", "Type")
SIZE = (5.2, 3.7)  #: inches
#: what the axes take of it
ROOM = {"left": 0.13, "bottom": 0.14, "right": 0.99, "top": 0.91}
STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "text.parse_math": False, "text.color": INK, "font.size": 10.5,
    "font.family": "sans-serif", "axes.titlesize": 10.5,
    "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.facecolor": "none",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": FAINT,
    "grid.linewidth": 0.4, "xtick.color": INK, "ytick.color": INK, "xtick.major.size": 0,
    "ytick.major.size": 0, "figure.facecolor": "none", "axes.axisbelow": True,
}  # fmt: skip


class Scale(NamedTuple):
    """How a metric's numbers are written on an axis."""

    title: str
    factor: float  #: what a value is multiplied by


class Point(NamedTuple):
    """One combination in a plot of two metrics."""

    x: Measure
    y: Measure
    colour: int
    marker: int
    hollow: bool
    front: bool
    link: str
    words: str  #: shown where the mouse rests


def scale(metric: str, unit: str) -> Scale:
    """Megabytes, percent and milliseconds, as in the tables."""
    shown, factor = {"bytes": ("MB", 1e-6), "share": ("%", 100.0), "s": ("ms", 1000.0)}.get(
        unit, (unit, 1.0)
    )
    return Scale(f"{metric} [{shown}]", factor)


def scatter(name: str, points: Sequence[Point], x: Scale, y: Scale) -> Markup:
    """All points with their intervals, where these are few; those on the front have a ring."""
    groups: dict[tuple[bool, int, int, bool], list[Point]] = {}
    for point in points:
        looks = point.front, point.colour, point.marker, point.hollow
        groups.setdefault(looks, []).append(point)
    with _drawing(name) as (figure, axes):
        axes.set_xlabel(x.title)
        axes.set_title(y.title, loc="left", y=1)
        for (front, *_), group in sorted(groups.items()):
            if front or len(points) <= MOST_BARS:
                _bars(axes, group, x, y)
            _marks(axes, group, x, y)
        axes.set_xlim(_room([point.x for point in points], x))
        axes.set_ylim(_room([point.y for point in points], y))
        return _svg(figure, name, {point.link: point.words for point in points})


def levels(name: str, lines: Mapping[str, Mapping[str, Measure]], y: Scale, x: str) -> Markup:
    """Means with intervals over the levels of one axis; a line for each level of another one."""
    places = list(dict.fromkeys(level for line in lines.values() for level in line))
    with _drawing(name) as (figure, axes):
        axes.set_xlabel(x)
        axes.set_title(y.title, loc="left", y=1)
        for number, (label, line) in enumerate(lines.items()):
            shift = 0.07 * (number - (len(lines) - 1) / 2)
            xs = [places.index(level) + shift for level in line]
            values = [measure.value * y.factor for measure in line.values()]
            axes.errorbar(
                xs, values, yerr=_ends(list(line.values()), y), fmt=f"-{MARKERS[number % 6]}",
                color=SERIES[number % 6], lw=1.2, elinewidth=1.6, label=label,
            )  # fmt: skip
        axes.set_xticks(range(len(places)), [_short(place) for place in places])
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.set_ylim(_room([each for line in lines.values() for each in line.values()], y))
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize=9)
        return _svg(figure, name, {})


def _bars(axes: "Axes", points: Sequence[Point], x: Scale, y: Scale) -> None:
    xs, ys = ([point.x for point in points], [point.y for point in points])
    axes.errorbar(
        [each.value * x.factor for each in xs], [each.value * y.factor for each in ys],
        xerr=_ends(xs, x), yerr=_ends(ys, y), fmt="none", ecolor=SERIES[points[0].colour % 6],
        elinewidth=0.9, alpha=0.5,
    )  # fmt: skip


def _marks(axes: "Axes", points: Sequence[Point], x: Scale, y: Scale) -> None:
    """Points that look alike."""
    some = points[0]
    size, order = (85, 4) if some.front else (34, 3)
    xs = [point.x.value * x.factor for point in points]
    ys = [point.y.value * y.factor for point in points]
    same: dict[str, Any] = {
        "marker": MARKERS[some.marker % 6], "zorder": order,
        "urls": [f"#{point.link}" for point in points],
    }  # fmt: skip
    axes.scatter(
        xs, ys, s=size, c=SERIES[some.colour % 6], edgecolors=INK if some.front else BACK,
        linewidths=1.6 if some.front else 0.6, **same,
    )  # fmt: skip
    if some.hollow:
        axes.scatter(xs, ys, s=size / 6, c=BACK, linewidths=0, **same)


def _ends(measures: Sequence[Measure], scale: Scale) -> list[list[float]]:
    """The lengths of error bars; none where there is no interval."""
    return [
        [
            max(0.0, m.value - (m.value if m.low is None else m.low)) * scale.factor
            for m in measures
        ],
        [
            max(0.0, (m.value if m.high is None else m.high) - m.value) * scale.factor
            for m in measures
        ],
    ]


def _room(measures: Sequence[Measure], scale: Scale) -> tuple[float, float]:
    """Where an axis begins and ends: all values are in it; an interval may reach beyond."""
    values = [measure.value for measure in measures]
    ends = [end for m in measures for end in (m.low, m.high) if end is not None]
    width = (max(values) - min(values)) or abs(max(values)) * 0.1 or 1.0
    low = max(min(values) - width, min([*values, *ends])) - 0.08 * width
    high = min(max(values) + width, max([*values, *ends])) + 0.08 * width
    return low * scale.factor, high * scale.factor


def _short(text: str) -> str:
    return text if len(text) <= 16 else f"{text[:15]}…"


@contextmanager
def _drawing(name: str) -> Iterator[tuple["Figure", "Axes"]]:
    """A figure of its own; ``name`` keeps the ids in it apart from those of other figures."""
    import matplotlib as mpl  # noqa: PLC0415  # 0.5 s, and an extra
    from matplotlib.figure import Figure, SubplotParams  # noqa: PLC0415

    style: Any = {**STYLE, "svg.hashsalt": name}  # mpl types each key of its own
    with mpl.rc_context(style):
        figure = Figure(figsize=SIZE, subplotpars=SubplotParams(**ROOM))
        yield figure, figure.subplots()


def _svg(figure: "Figure", name: str, titles: Mapping[str, str]) -> Markup:
    """The figure for the inside of a page, which says itself what the points are."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(UNSAID))
    svg = out.getvalue()
    svg = re.sub(r'<g id="[^"]*"', "<g", svg[svg.index("<svg") :])
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"<style.*?</style>", "", svg)
    svg = re.sub(r'<a xlink:href="#([^"]*)"[^>]*>', lambda found: _linked(found[1], titles), svg)
    label = f'<svg role="img" aria-label="{escape(name)}"'
    return Markup(svg.replace("<svg", label, 1))  # noqa: S704  # matplotlib escapes its own text


def _linked(link: str, titles: Mapping[str, str]) -> str:
    """A point's link, with the words that a browser shows where the mouse rests."""
    return f'<a href="#{link}"><title>{escape(titles[link])}</title>'
