"""What the machine did meanwhile that makes a run's times less trustworthy, in sentences."""

from collections.abc import Iterator, Mapping, Sequence

from infra.conditions import drift, pagecache
from infra.conditions.counters import Counters
from infra.types import Generation, Json

#: CPUs kept busy by others, on average over the run, from which on it is told
FOREIGN = 0.05
#: bytes swapped in or out
SWAPPED = 1024**2
#: share of the allowed frequency
SLOWED = 0.02


def between(
    before: Counters,
    after: Counters,
    generations: Sequence[Generation],
    cache: Mapping[str, Json],
) -> tuple[str, ...]:
    """One sentence for each thing that happened between two readings around a run; ``cache`` as
    ``pagecache.found`` tells it."""
    apart = drift.in_run(generations), pagecache.doubt(cache)
    found = *_load(before, after), *_swapping(before, after), *_throttling(before, after), *apart
    return tuple(each for each in found if each)


def _load(before: Counters, after: Counters) -> Iterator[str]:
    """Others at work on the CPUs that the run may use; of others than before, sums tell nothing."""
    if before.cpus != after.cpus:
        yield f"the CPUs that the run may use changed from {_list(before)} to {_list(after)}"
        return
    seconds = max(after.time - before.time, 1e-9)
    foreign = (after.busy - before.busy - (after.ours - before.ours)) / seconds
    stolen = (after.stolen - before.stolen) / seconds
    whole = f"CPUs, of {len(after.cpus)} that the run may use"
    if foreign > FOREIGN:
        yield f"other processes took {foreign:.2f} {whole}"
    if stolen > FOREIGN:
        yield f"the virtual machine's host withheld {stolen:.2f} {whole} (steal time)"


def _list(counters: Counters) -> str:
    return ", ".join(map(str, counters.cpus))


def _swapping(before: Counters, after: Counters) -> Iterator[str]:
    """Memory that went to a disk or came back."""
    inward = after.swapped_in - before.swapped_in
    outward = after.swapped_out - before.swapped_out
    if max(inward, outward) >= SWAPPED:
        yield f"the machine swapped {inward / 1e6:.1f} MB in and {outward / 1e6:.1f} MB out"


def _throttling(before: Counters, after: Counters) -> Iterator[str]:
    """CPUs that ran slower, or not at all, than they could."""
    if heat := after.overheated - before.overheated:
        yield f"CPUs slowed down because of heat: their counters rose by {heat}"
    if stopped := after.stopped - before.stopped:
        lost = after.stopped_seconds - before.stopped_seconds
        yield f"a cgroup's CPU quota stopped the run {stopped} times, for {lost:.2f} s in all"
    if after.frequency_limit < (1 - SLOWED) * before.frequency_limit:
        yield (
            f"the CPUs' highest allowed frequency fell from {before.frequency_limit:.0f} to "
            f"{after.frequency_limit:.0f} MHz"
        )
