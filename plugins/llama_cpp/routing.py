"""Where the tokens of one model go: counted, and their experts brought, as the plan asks."""

import resource
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from infra.experts.routing import Counts
from infra.resources import memory
from infra.types import Routing

from .stacks import layer_of
from .streaming import Streamer
from .tensor import Given, Rows
from .weight import Weight


def _bytes_read() -> int:
    """As ``memory.bytes_read``, which takes 20 times as long: 512 bytes a block on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock * 512


class Routes:
    """What a watch tells; one for all contexts of a model."""

    def __init__(
        self, stacks: Mapping[str, Weight], streamer: Streamer | None, counts: bool
    ) -> None:
        """Args:
        stacks: the tensors of experts by name, one at least.
        streamer: brings the experts.
        counts: whether to count what is routed inside of ``phase``.
        """
        self._streamer = streamer
        self._sizes: dict[int, int] = {}  #: layer -> bytes of one expert
        experts = 0
        for name, weight in stacks.items():
            layer, experts = layer_of(name) or 0, max(experts, weight.shape[2])
            self._sizes[layer] = self._sizes.get(layer, 0) + weight.bytes // weight.shape[2]
        is_mapped = any(weight.is_mapped for weight in stacks.values())
        storage = _bytes_read if is_mapped and memory.LINUX else None
        self._counts = Counts(experts, storage) if counts else None

    def begin(self) -> None:
        """As ``watch.Routed``."""
        if self._streamer:
            self._streamer.begin()

    def routed(self, layer: int, rows: Rows, given: Given) -> None:
        """As ``watch.Routed``."""
        if self._streamer:
            start = time.perf_counter()
            self._streamer.serve(layer, rows)
            if len(rows) == 1:
                self._streamer.foretell(layer, len(rows[0]), given)
            if self._counts:
                self._counts.wait(time.perf_counter() - start)
        if self._counts:
            self._counts.add(layer, rows, self._sizes.get(layer, 0))

    def request(self) -> None:
        """A request begins."""
        if self._streamer:
            self._streamer.settle()
        if self._counts:
            self._counts.begin()

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Count what is routed inside, as ``prefill`` or ``decode``."""
        return self._counts.phase(name) if self._counts else nullcontext()

    def taken(self) -> Sequence[Routing]:
        """What was counted since the last call."""
        return self._counts.take() if self._counts else ()
