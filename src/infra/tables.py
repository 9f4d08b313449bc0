"""Tables that fit a terminal: what has no room beside goes below, and nothing is cut."""

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.table import Table

#: blanks between two columns
GAP = 2
#: from so many characters on a word, such as a path, may go on in the next line
LONG = 15


def plain(*columns: str) -> Table:
    """A table without lines, whose long words go on in the next line."""
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def natural(rows: Sequence[Sequence[str]]) -> int:
    """The characters that ``rows`` take side by side."""
    return sum(width + GAP for width in _widths(rows))


def stacked(rows: Sequence[Sequence[str]], room: int) -> Iterator[Table]:
    """``rows``, the first of them the header, as one table, or as many as it takes to fit ``room``
    characters; each begins with the first column, and long headers go on in the next line."""
    if natural(rows) > room:
        rows = [_narrow(rows), *rows[1:]]
    for chosen in _parts(_widths(rows), room):
        header, *body = [[row[index] for index in chosen] for row in rows]
        table = plain(*header)
        for row in body:
            table.add_row(*row)
        yield table


def fitted(rows: Sequence[Sequence[str]], room: int) -> Iterator[Table]:
    """``rows``, the first of them the header, as one table whose cells go on in the next line;
    stacked where their words have no room side by side. Only long words are broken, and no name
    in the first column."""
    first, *others = _widths([[cell.replace(" ", "\n") for cell in row] for row in rows])
    words = [first, *(min(width, LONG) for width in others)]
    spare = room - sum(words) - GAP * len(words)
    if spare < 0:
        yield from stacked(rows, room)
        return
    table = plain(*rows[0])
    for column, width in zip(table.columns, _shared(words, _widths(rows), spare), strict=True):
        column.width = width
    for row in rows[1:]:
        table.add_row(*row)
    yield table


def _shared(least: Sequence[int], wanted: Sequence[int], spare: int) -> list[int]:
    """``spare`` characters added to ``least``, the same to all that still want some."""
    widths = list(least)
    lacking = sorted(range(len(least)), key=lambda index: wanted[index] - least[index])
    for rank, index in enumerate(lacking):
        more = min(wanted[index] - least[index], spare // (len(lacking) - rank))
        widths[index] += more
        spare -= more
    return widths


def _narrow(rows: Sequence[Sequence[str]]) -> list[str]:
    """The header, its names broken at ``_`` and ``.`` where that makes a column narrower."""
    cells = _widths(rows[1:])
    return [_broken(name, width) for name, width in zip(rows[0], cells, strict=True)]


def _broken(name: str, room: int) -> str:
    lines = [""]
    for piece in re.findall(r"[^_.]*[_.]|[^_.]+", name):
        if lines[-1] and len(lines[-1] + piece) > room:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    lines = [[max(map(cell_len, cell.split("\n"))) for cell in row] for row in rows]
    return [max(column) for column in zip(*lines, strict=True)]


def _parts(widths: list[int], room: int) -> list[list[int]]:
    parts = [[0]]
    for index in range(1, len(widths)):
        taken = sum(widths[each] + GAP for each in parts[-1])
        if len(parts[-1]) > 1 and taken + widths[index] + GAP > room:
            parts.append([0])
        parts[-1].append(index)
    return parts
