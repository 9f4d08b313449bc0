"""The best of some runs, and runs in an order."""

import math
from collections.abc import Sequence

from infra.answers.measured import comparable_key, directed, kinds, mean, repeats
from infra.answers.selection import Row
from infra.errors import Refused, nearest
from infra.types import Json


def ordered(rows: Sequence[Row], by: str) -> list[Row]:
    """Sorted by a metric, the best first, or by a key; runs without it come last.

    Raises:
        Refused: no run has such a metric or key.
    """
    known = kinds(rows)
    if by in known:
        sign = -1 if known[by].better == "higher" else 1
        return sorted(rows, key=lambda row: _number(row.metric(by), sign))
    _check_key(rows, by)
    return sorted(rows, key=lambda row: _natural(row.axes.get(by)))


def best(rows: Sequence[Row], metric: str, by: str | None = None) -> list[Row]:
    """The finished runs whose mean over repeats is the best among those of the same prompts and
    machine, for each value of the key ``by``.

    Raises:
        Refused: no run has such a metric or key, or no direction is better.
    """
    sign = directed(kinds(rows), metric)
    if by:
        _check_key(rows, by)
    found: dict[tuple[str, ...], list[list[Row]]] = {}
    for runs in repeats([row for row in rows if row.data["status"] == "FINISHED"]):
        if mean(runs, metric) is not None:
            group = *comparable_key(runs[0]), str(runs[0].axes.get(by)) if by else ""
            found.setdefault(group, []).append(runs)
    return [
        row
        for groups in found.values()
        for row in max(groups, key=lambda runs: sign * (mean(runs, metric) or 0))
    ]


def _check_key(rows: Sequence[Row], key: str) -> None:
    keys = {axis for row in rows for axis in row.axes}
    if key not in keys:
        raise Refused(f"No run has {key!r}. {nearest(key, keys | set(kinds(rows)))}")


def _number(value: float | None, sign: int) -> float:
    return math.inf if value is None or math.isnan(value) else sign * value


def _natural(value: Json) -> tuple[int, float, str]:
    """Numbers by size, then words, then nothing."""
    if value is None:
        return 2, 0, ""
    if isinstance(value, int | float):
        return 0, value, ""
    return 1, 0, str(value)
