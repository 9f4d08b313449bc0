"""A picture of where tokens were routed to: layers down, experts across, the darker the more."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from infra.types import Routing

#: from nothing to the most
SHADES = " ░▒▓█"
#: most rows of a picture of blocks; layers beyond are shown together
ROWS = 16
#: side of an expert in the picture, in pixels
CELL = 8

Grid = Sequence[Sequence[float]]
Item = TypeVar("Item")


def blocks(routing: Routing, width: int) -> list[str]:
    """Lines of at most ``width`` characters. Neighbours that do not fit share a block, which
    shows their mean; the darkest is the most that there is. An expert that nobody uses alone is
    empty."""
    layers = _layers(routing)
    if not layers:
        return []
    across = min(width, len(layers[0]))
    folded = _folded([_folded_row(row, across) for row in layers], min(ROWS, len(layers)))
    most = max(max(row) for row in folded) or 1.0
    return ["".join(_shade(value / most) for value in row) for row in folded]


def svg(routings: Sequence[Routing]) -> str:
    """All phases in one picture, one above the other. Each cell is an expert, its title says
    how many tokens were sent to it."""
    parts, top = [], 0
    for routing in routings:
        layers = _layers(routing)
        title = f"{routing.phase}: {routing.tokens} tokens; layers down, experts across"
        parts.append(f'<text x="0" y="{top + 14}">{title}</text>')
        parts += _cells(layers, top + 20)
        top += 20 + CELL * len(layers) + 10
    widest = max((len(row) for each in routings for row in _layers(each)), default=0)
    size = f'width="{max(360, CELL * widest)}" height="{top}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _layers(routing: Routing) -> list[tuple[int, ...]]:
    """Those that have experts."""
    return [row for row in routing.used if row]


def _cells(layers: Sequence[Sequence[int]], top: int) -> list[str]:
    most = max((count for row in layers for count in row), default=0) or 1
    return [
        f'<rect x="{CELL * x}" y="{top + CELL * y}" width="{CELL}" height="{CELL}" '
        f'fill="{_colour(count / most)}"><title>{count}</title></rect>'
        for y, row in enumerate(layers)
        for x, count in enumerate(row)
    ]


def _colour(share: float) -> str:
    """White for nothing; even one token of many is told from none."""
    if not share:
        return "#ffffff"
    fade = round(225 * (1 - share**0.5))
    return f"#{fade:02x}{fade:02x}ff"


def _shade(share: float) -> str:
    steps = len(SHADES) - 1
    return SHADES[min(steps, 1 + int(share * steps))] if share else SHADES[0]


def _folded_row(row: Sequence[float], count: int) -> list[float]:
    return [sum(part) / len(part) for part in _parts(row, count)]


def _folded(rows: Grid, count: int) -> list[list[float]]:
    return [
        [sum(column) / len(part) for column in zip(*part, strict=True)]
        for part in _parts(rows, count)
    ]


def _parts(items: Sequence[Item], count: int) -> list[Sequence[Item]]:
    """``count`` neighbouring parts, as equal as can be."""
    bounds = [len(items) * n // count for n in range(count + 1)]
    return [items[start:end] for start, end in pairwise(bounds)]
