"""Which runs are beaten by none in several metrics at once: the Pareto front."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.answers.measured import Kind, comparable_key, directed, kinds, mean, repeats, score
from infra.answers.selection import Row


def front(points: Sequence[tuple[float, ...]]) -> list[bool]:
    """Whether each point is on the front: no other is at least as large in all and larger in one.

    >>> front([(1, 2), (2, 1), (1, 1)])
    [True, True, False]
    """
    distinct = set(points)
    return [not any(_dominates(other, point) for other in distinct) for point in points]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def usual(known: Mapping[str, Kind]) -> tuple[str, ...]:
    """Speed, tool calls and memory, as far as any run has them."""
    wanted = ("decode_tps", score(known) or "", "peak_memory")
    return tuple(name for name in wanted if name in known)


def marked(rows: Sequence[Row], metrics: Sequence[str]) -> set[Path]:
    """The folders of the runs on the front over ``metrics``. The means over repeats compete, among
    finished runs that answered the same prompts on the same machine; alone, nobody is marked.

    Raises:
        Refused: a metric that no run has, or without a better direction.
    """
    known_metrics = kinds(rows)
    signs = [directed(known_metrics, name) for name in metrics]
    fields: dict[tuple[str, str], list[tuple[list[Row], tuple[float, ...]]]] = {}
    for runs in repeats([row for row in rows if row.data["status"] == "FINISHED"]):
        values = [mean(runs, name) for name in metrics]
        known = tuple(s * v for s, v in zip(signs, values, strict=True) if v is not None)
        if len(known) == len(metrics):
            fields.setdefault(comparable_key(runs[0]), []).append((runs, known))
    return {row.folder for rivals in fields.values() for row in _winners(rivals)}


def _winners(rivals: Sequence[tuple[list[Row], tuple[float, ...]]]) -> list[Row]:
    if len(rivals) < 2:
        return []
    best = front([point for _, point in rivals])
    return [row for (runs, _), wins in zip(rivals, best, strict=True) if wins for row in runs]
