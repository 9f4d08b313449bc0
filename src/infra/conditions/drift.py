"""Whether speed changed while nothing else was meant to: within a run, and across a sweep."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infra.types import Generation

if TYPE_CHECKING:
    from infra.answers.selection import Row

#: smallest difference of medians that is told
SHARE = 0.05
#: values in a third; with fewer, no order of them is rarer by chance than 1 %
LEAST = 5
#: two-sided 1 % of the normal distribution
Z = 2.576
#: requests are alike whose length in tokens is off their median by at most this share
ALIKE = 0.25
#: tokens whose times say a speed
TOKENS = 8


class Change(NamedTuple):
    """Medians of the first and the last third of some values, and how many values there were."""

    first: float
    last: float
    n: int

    @property
    def percent(self) -> str:
        """
        >>> Change(50, 40, 15).percent
        '-20 %'
        """
        return f"{100 * (self.last / self.first - 1):+.0f} %"


def change(values: Sequence[float]) -> Change | None:
    """How the last third of ``values`` (positive, in the order of time) differs from the first;
    ``None`` if by no more than 5 %, or by no more than chance: a Mann-Whitney test at 1 %, normal
    approximation (Ann. Math. Statist. 18, 1947)."""
    size = len(values) // 3
    if size < LEAST:
        return None
    first, last = values[:size], values[-size:]
    found = Change(statistics.median(first), statistics.median(last), len(values))
    wins = sum((a > b) + 0.5 * (a == b) for a in first for b in last)
    z = (wins - size**2 / 2) / (size**2 * (2 * size + 1) / 12) ** 0.5
    return found if abs(found.last / found.first - 1) > SHARE and abs(z) > Z else None


def in_run(generations: Sequence[Generation]) -> str | None:
    """A sentence if a run's decoding became faster or slower, over requests of about the same
    length, since a longer context decodes more slowly."""
    timed = [each for each in generations if len(each.times) >= TOKENS]
    found = change([_speed(each) for each in _alike(timed)])
    return found and (
        f"decoding went from {found.first:.1f} to {found.last:.1f} tokens/s within the run "
        f"({found.percent}), medians of the first and last third of {found.n} requests"
    )


def drift(rows: Iterable["Row"]) -> str | None:
    """A sentence if decoding became faster or slower in the course of a sweep: each run's
    ``decode_tps`` over the median of the runs with its identity, in the order of their start."""
    found = change([ratio for _, ratio in sorted(_ratios(rows))])
    return found and (
        f"decoding drifted by {found.percent} from the first to the last third of {found.n} "
        "repeated runs"
    )


def _alike(generations: Sequence[Generation]) -> Iterator[Generation]:
    lengths = [each.prompt_ids + len(each.ids) for each in generations]
    middle = statistics.median(lengths) if lengths else 0
    for each, length in zip(generations, lengths, strict=True):
        if abs(length - middle) <= ALIKE * middle:
            yield each


def _speed(generation: Generation) -> float:
    times = generation.times
    return (len(times) - 1) / (times[-1] - times[0])


def _ratios(rows: Iterable["Row"]) -> Iterator[tuple[float, float]]:
    """Start and relative speed of each run that was repeated."""
    repeats = defaultdict(list)
    for row in rows:
        if speed := row.metric("decode_tps"):
            repeats[row.data["identity"]].append((row.data["started"], speed))
    for runs in repeats.values():
        middle = statistics.median(speed for _, speed in runs)
        yield from ((start, speed / middle) for start, speed in runs if len(runs) > 1)
