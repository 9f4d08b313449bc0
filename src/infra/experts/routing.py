"""Which experts the tokens are routed to, counted while an engine computes.

    counts = Counts(experts=64)
    counts.begin()                                 # a request
    with counts.phase("prefill"):
        counts.add(layer, rows, expert_bytes)      # from inside the computation
    counts.take()                                  # one Routing for each phase

What is routed outside of a phase (warming up, scoring, probing) is not counted.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

from infra.types import Routing

Rows = Sequence[Sequence[int]]
"""The experts of each token, in the order of the tokens."""


@dataclass
class _Phase:
    used: dict[int, list[int]] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)  #: layer -> tokens seen there
    shared: int = 0
    compared: int = 0
    wanted: int = 0
    read: int | None = None
    waited: float | None = None
    seconds: float = 0.0


class Counts:
    """What was routed since the last ``take``."""

    def __init__(self, experts: int, storage: Callable[[], int | None] | None = None) -> None:
        """
        Args:
            experts: of a layer.
            storage: gives the bytes that this process has read from storage so far, ``None`` if
                unknown; asked at both ends of a phase.
        """
        self._experts, self._storage = experts, storage or (lambda: None)
        self._phases: dict[str, _Phase] = {}
        self._now: _Phase | None = None
        self._before: dict[int, frozenset[int]] = {}

    def begin(self) -> None:
        """A request begins: its first token has none before it."""
        self._before.clear()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is routed inside, and time it, as ``prefill`` or ``decode``."""
        now = self._now = self._phases.setdefault(name, _Phase())
        read, start = self._storage(), time.perf_counter()
        try:
            yield
        finally:
            now.seconds += time.perf_counter() - start
            self._now = None
            if read is not None:
                now.read = (now.read or 0) + (self._storage() or read) - read

    def add(self, layer: int, rows: Rows, expert_bytes: int = 0) -> None:
        """The experts that the tokens of one pass were sent to in one layer.

        Args:
            expert_bytes: of one expert of this layer; each that is used counts once a pass.
        """
        if (now := self._now) is None:
            return
        used = now.used.setdefault(layer, [0] * self._experts)
        now.tokens[layer] = now.tokens.get(layer, 0) + len(rows)
        before = self._before.get(layer)
        for row in rows:
            chosen = frozenset(row)
            for expert in chosen:
                used[expert] += 1
            if before is not None:
                now.shared += len(chosen & before)
                now.compared += len(chosen)
            before = chosen
        if before is not None:
            self._before[layer] = before
        if expert_bytes:
            now.wanted += expert_bytes * len(frozenset(chain.from_iterable(rows)))

    def wait(self, seconds: float) -> None:
        """The computation stood still so long until its experts were there."""
        if self._now is not None:
            self._now.waited = (self._now.waited or 0.0) + seconds

    def take(self) -> tuple[Routing, ...]:
        """All phases, which are counted anew from here. A layer without experts has no counts."""
        phases, self._phases = self._phases, {}
        return tuple(_routing(name, phase) for name, phase in phases.items() if phase.used)


def _routing(name: str, phase: _Phase) -> Routing:
    layers = range(max(phase.used) + 1)
    return Routing(
        phase=name,
        # the last layer may compute only those tokens whose logits are asked for
        tokens=max(phase.tokens.values()),
        used=tuple(tuple(phase.used.get(layer, ())) for layer in layers),
        overlap=phase.shared / phase.compared if phase.compared else None,
        wanted=phase.wanted or None,
        read=phase.read,
        waited=phase.waited,
        seconds=phase.seconds,
    )
