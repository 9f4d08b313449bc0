"""``experts.residency=stream``: has the experts of a batch in memory just before they are used.

llama.cpp maps the file. Left to itself it touches the experts page by page, and the system reads
ahead what nobody needs. Here the computation stops once it is known which experts the tokens of a
batch go to; those that the page cache lacks are read, all at once, and it goes on.

Nothing of the result depends on it: a page that was dropped again is read by the system.
"""

import resource
from collections import defaultdict
from collections.abc import Mapping
from itertools import chain, product
from pathlib import Path

from infra.errors import Failed

from . import pages
from .reading import Range, Reader
from .stacks import Stack, files_of, stacks_of
from .tensor import Rows

#: faults that had to wait for the disk, of a layer; a few are the weights that all tokens share
FEW_FAULTS = 16


class Streamer:
    """The experts of one model.

    Asking the system whether an expert is cached costs some microseconds, so what was found is
    taken as cached until anything has to be read, which may drop it, or the process has waited for
    pages. A batch is not worth the risk: its experts are always asked for.
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
        missing: list[Range] = []
        there: list[Range] = []
        for stack, expert in product(self._stacks[layer], unsure):
            (there if self._has(stack, expert) else missing).append(stack.range(expert))
        self._reader.read(_joined(missing), there)
        if missing:
            self._cached.clear()
        self._cached[layer] |= wanted

    def settle(self) -> None:
        """Between two requests: lock what is used most.

        Raises:
            Failed: it cannot be locked.
        """
        self._pins.settle(self._stacks, self._addresses, self._reader)

    def close(self) -> None:
        self._reader.close()

    def _has(self, stack: Stack, expert: int) -> bool:
        address = self._addresses.get(stack.name)
        if not self._asks or address is None:
            return False
        return self._presence.all(address + expert * stack.size, stack.size)


class Pins:
    """The experts that are locked in memory: those that most tokens were sent to so far."""

    def __init__(self, most: int) -> None:
        self._most = most  #: bytes
        self._uses: dict[tuple[int, int], int] = {}
        self._locked: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._settled = 0

    def count(self, layer: int, rows: Rows) -> None:
        """Remember who was chosen, if anything is to be locked."""
        if self._most:
            for expert in chain.from_iterable(rows):
                self._uses[layer, expert] = self._uses.get((layer, expert), 0) + 1

    def settle(
        self, stacks: Mapping[int, list[Stack]], addresses: Mapping[str, int], reader: Reader
    ) -> None:
        """Lock anew, each time that twice as much was counted."""
        counted = sum(self._uses.values())
        if counted < 2 * self._settled or not counted:
            return
        self._settled = counted
        hottest = self._hottest(stacks)
        for key in self._locked.keys() - hottest:
            for place in self._locked.pop(key):
                pages.unlock(*place)
        for layer, expert in hottest - self._locked.keys():
            reader.read([stack.range(expert) for stack in stacks[layer]])
            self._lock((layer, expert), stacks[layer], addresses)

    def _hottest(self, stacks: Mapping[int, list[Stack]]) -> set[tuple[int, int]]:
        found, room = set(), self._most
        for key in sorted(self._uses, key=lambda key: -self._uses[key]):
            room -= sum(stack.size for stack in stacks.get(key[0], ()))
            if room < 0:
                break
            found.add(key)
        return found

    def _lock(
        self, key: tuple[int, int], stacks: list[Stack], addresses: Mapping[str, int]
    ) -> None:
        places = [(addresses[each.name] + key[1] * each.size, each.size) for each in stacks]
        try:
            for place in places:
                pages.lock(*place)
        except OSError as error:
            raise Failed(
                f"experts.pin={self._most // 10**6} MB cannot be locked in memory "
                f"({error.strerror}): raise `ulimit -l` or lower it."
            ) from error
        self._locked[key] = places


def _joined(ranges: list[Range]) -> list[Range]:
    """The same bytes in the order of the files, neighbours in one piece."""
    joined: list[Range] = []
    for each in sorted(ranges):
        if joined and each[:2] == (joined[-1].file, joined[-1].offset + joined[-1].size):
            joined[-1] = joined[-1]._replace(size=joined[-1].size + each.size)
        else:
            joined.append(each)
    return joined
