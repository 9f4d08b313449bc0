"""``experts.residency=stream``: has the experts of a batch in memory just before they are used.

llama.cpp maps the file. Left to itself it touches the experts page by page, and the system reads
ahead what nobody needs. Here the computation stops once it is known which experts the tokens of a
batch go to; those that the page cache lacks are read, all at once, and it goes on. Where memory
has no room for all experts, those of the next layer are foretold and announced meanwhile.

Nothing of the result depends on it: a page that was dropped again is read by the system.
"""

import os
import resource
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain, product
from pathlib import Path

from infra.resources import limits

from . import pages
from .cache import Cache, Place
from .forecast import Forecast
from .pins import Pins
from .reading import Range, Reader
from .stacks import Stack, files_of, stacks_of
from .tensor import Given, Rows

#: faults that had to wait for the disk, of a layer; a few are the weights that all tokens share
FEW_FAULTS = 16
#: bytes of memory that are left to libraries' pages and to what comes
SPARE = 64 << 20
#: whether pages can be dropped from the page cache
DROPS = hasattr(os, "posix_fadvise")


class Streamer:
    """The experts of one model.

    Asking the system whether an expert is cached costs some microseconds, so what was found is
    taken as cached until it is dropped here, or the process has waited for pages; where nothing is
    dropped here, until anything has to be read, for which the system may drop it. A batch is not
    worth the risk: its experts are always asked for.
    """

    def __init__(self, path: Path, threads: int, pin: int) -> None:
        """Args:
        threads: that read at once.
        pin: bytes of experts to lock in memory.
        """
        self.served: set[int] = set()  #: layers
        self._stacks = stacks_of(path)
        self._reader = Reader(files_of(path), threads)
        self._asks = self._reader.tells_presence
        every = [stack for stacks in self._stacks.values() for stack in stacks]
        self._presence = pages.Presence(max((stack.size for stack in every), default=0))
        self._addresses: dict[str, int] = {}
        self._cached: dict[int, set[int]] = defaultdict(set)
        self._pins = Pins(pin)
        self._cache = Cache(self._stacks)
        self._shared = sum(file.stat().st_size for file in files_of(path)) - self._cache.total
        self.forecast: Forecast | None = None
        self._faults = 0

    def mapped(self, name: str, address: int, size: int) -> None:
        """Learn where llama.cpp has mapped a tensor of experts, before it is used."""
        self._addresses[name] = address
        pages.expect_no_order(address, size)

    def knows(self, names: Mapping[int, set[str]]) -> bool:
        """Whether these tensors, by layer, are all served."""
        own = {layer: {stack.name for stack in each} for layer, each in self._stacks.items()}
        return bool(names) and all(
            layer in self.served and each <= own.get(layer, set()) for layer, each in names.items()
        )

    def begin(self) -> None:
        """A batch is about to be computed.

        Raises:
            Failed: a file has changed.
        """
        self._reader.files.check()
        self._cache.begin()

    def serve(self, layer: int, rows: Rows) -> None:
        """Have in memory what the tokens of a batch are sent to in one layer.

        Raises:
            Failed: a file cannot be read.
        """
        self.served.add(layer)
        self._pins.count(layer, rows)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
        if faults - self._faults > FEW_FAULTS:
            self._cached.clear()
        self._faults = faults
        wanted = set(chain.from_iterable(rows))
        unsure = wanted - self._cached[layer] if len(rows) == 1 else wanted
        if not self._cache.is_large:
            self._drop(self._cache.use(layer, wanted))
        missing: list[Range] = []
        there: list[Range] = []
        for stack, expert in product(self._stacks[layer], unsure):
            (there if self._has(stack, expert) else missing).append(stack.range(expert))
        self._reader.read(_joined(missing), there)
        if missing and self._cache.is_large:
            self._cached.clear()
        self._cached[layer] |= wanted

    def foretell(self, layer: int, count: int, given: Given) -> None:
        """Announce what a token will likely need in the next layer, while this one is computed.

        Args:
            count: experts of a token.
            given: what the router of this layer was given.
        """
        if self._cache.is_large or self.forecast is None or (seen := given()) is None:
            return
        if (found := self.forecast.after(layer, seen, count)) is None:
            return
        after, likely = found
        if absent := self._cache.absent(after, likely):
            self._drop(self._cache.add(after, absent))
            ranges = [stack.range(n) for stack, n in product(self._stacks[after], absent)]
            self._reader.announce(_joined(ranges))

    def settle(self) -> None:
        """Between two requests: lock what is used most, and learn how much memory there is.

        Raises:
            Failed: it cannot be locked.
        """
        self._pins.settle(self._stacks, self._addresses, self._reader)
        was_large = self._cache.is_large
        if DROPS:
            self._cache.room = limits.available() + self._pins.size - self._shared - SPARE
        if was_large and not self._cache.is_large:  # whatever is there, it is not counted
            self._cached.clear()
            for stack in chain.from_iterable(self._stacks.values()):
                self._leave(stack, stack.all)

    def close(self) -> None:
        self._reader.close()

    def _drop(self, places: Iterable[Place]) -> None:
        for layer, expert in places:
            self._cached[layer].discard(expert)
            for stack in self._stacks[layer]:
                self._leave(stack, stack.range(expert))

    def _leave(self, stack: Stack, each: Range) -> None:
        if (address := self._addresses.get(stack.name)) is not None:
            pages.forget(address + each.offset - stack.offset, each.size)
        self._reader.drop(each)

    def _has(self, stack: Stack, expert: int) -> bool:
        address = self._addresses.get(stack.name)
        if not self._asks or address is None:
            return False
        return self._presence.all(address + expert * stack.size, stack.size)


def _joined(ranges: list[Range]) -> list[Range]:
    """The same bytes in the order of the files, neighbours in one piece."""
    joined: list[Range] = []
    for each in sorted(ranges):
        if joined and each[:2] == (joined[-1].file, joined[-1].offset + joined[-1].size):
            joined[-1] = joined[-1]._replace(size=joined[-1].size + each.size)
        else:
            joined.append(each)
    return joined
