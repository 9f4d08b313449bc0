"""``experts.pin``: the experts that are used most are locked in memory."""

from collections.abc import Mapping
from itertools import chain

from infra.errors import Failed

from . import pages
from .reading import Reader
from .stacks import Stack
from .tensor import Rows


class Pins:
    """The experts that are locked in memory: those that most tokens were sent to so far."""

    def __init__(self, most: int) -> None:
        self._most = most  #: bytes
        self._uses: dict[tuple[int, int], int] = {}
        self._locked: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._settled = 0

    @property
    def size(self) -> int:
        """Bytes that are locked."""
        return sum(size for places in self._locked.values() for _, size in places)

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
