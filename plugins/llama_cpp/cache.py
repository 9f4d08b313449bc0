"""Which experts stay in the page cache when it has no room for all.

Left to itself the system looks for pages to drop while a token waits for others, and knows nothing
of experts: it drops parts of some that are in use. Here whole experts leave, some at a time: those
used least, where a use counts half after ``HALF_LIFE`` batches (Lee et al., "LRFU", IEEE
Transactions on Computers 50, 2001).
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .stacks import Stack

Place = tuple[int, int]
"""A layer, and an expert of it."""

#: of 4 to 32 the longest read the fewest bytes for the tokens of a random model; the most recent
#: use alone (LRU) read a quarter more
HALF_LIFE = 32
#: so much of the room is made free at once
PART = 1 / 64
LARGE = 1e100


class Cache:
    """The experts of one model that are taken to be in the page cache."""

    def __init__(self, stacks: Mapping[int, Sequence[Stack]]) -> None:
        """Args:
        stacks: of each layer.
        """
        every = [stack for each in stacks.values() for stack in each]
        shape = max(stacks, default=0) + 1, max((stack.experts for stack in every), default=0)
        self._sizes = np.zeros(shape[0], np.int64)  #: bytes of one expert, by layer
        for layer, each in stacks.items():
            self._sizes[layer] = sum(stack.size for stack in each)
        self.total = sum(stack.size * stack.experts for stack in every)
        self.room = self.total  #: bytes
        self._held = 0
        self._kept = np.zeros(shape, bool)
        self._uses = np.zeros(shape)
        self._worth = 1.0
        self._busy: tuple[int, list[int]] = (0, [])

    @property
    def is_large(self) -> bool:
        """Whether it has room for all, and nothing ever leaves."""
        return self.room >= self.total

    def begin(self) -> None:
        """A batch: uses from now on count more than those before."""
        self._worth *= 2 ** (1 / HALF_LIFE)
        if self._worth > LARGE:
            self._uses /= self._worth
            self._worth = 1.0

    def absent(self, layer: int, experts: Collection[int]) -> list[int]:
        """Those that are not in the page cache."""
        return [expert for expert in experts if not self._kept[layer, expert]]

    def use(self, layer: int, experts: Collection[int]) -> list[Place]:
        """As ``add``; they are what is computed with until the next use."""
        self._busy = layer, list(experts)
        self._uses[self._busy] += self._worth
        return self.add(layer, experts)

    def add(self, layer: int, experts: Collection[int]) -> list[Place]:
        """They come into the page cache, or are there; who leaves for them."""
        chosen = layer, list(experts)
        self._held += int(self._sizes[layer] * np.count_nonzero(~self._kept[chosen]))
        self._kept[chosen] = True
        if (over := self._held - self.room) <= 0:
            return []
        others = self._kept.copy()
        others[chosen] = others[self._busy] = False
        return self._left(np.flatnonzero(others), over + int(max(self.room, 0) * PART))

    def _left(self, places: NDArray[np.intp], over: int) -> list[Place]:
        """The least used of ``places``, until so many bytes are free."""
        ordered = places[np.argsort(self._uses.flat[places], kind="stable")]
        layers, experts = np.divmod(ordered, self._kept.shape[1])
        count = int(np.searchsorted(np.cumsum(self._sizes[layers]), over)) + 1
        layers, experts = layers[:count], experts[:count]
        self._kept[layers, experts] = False
        self._held -= int(self._sizes[layers].sum())
        return list(zip(layers.tolist(), experts.tolist(), strict=True))
