"""Looks over llama.cpp's shoulder while it computes, and tells which experts were chosen."""

import ctypes
from typing import Protocol

from .native import library
from .tensor import CHOICE, Given, Row, Rows, Tensor

_HEAD, _TAIL = CHOICE[:8], CHOICE[8:]
_FIRST = int.from_bytes(_HEAD, "little")
_REST, _MASK = int.from_bytes(_TAIL, "little"), (1 << 8 * len(_TAIL)) - 1
_eight_bytes = ctypes.c_uint64.from_address


class Routed(Protocol):
    """What is told; llama.cpp waits until it returns."""

    def begin(self) -> None:
        """A batch is about to be computed."""

    def routed(self, layer: int, rows: Rows, given: Given) -> None:
        """The tokens of the batch were sent to these experts, which are read next."""


class Watch:
    """The ``cb_eval`` of one context.

    ggml asks for each of the hundreds of nodes of a token whether it should stop there. So that an
    answer costs a fifth of a microsecond, the addresses of the nodes with the ids are learnt by
    name from the first single token. Those after it have the same graph; should one not show all
    layers again, the next is learnt anew.
    """

    def __init__(self, told: Routed) -> None:
        self._told = told
        self._stops: dict[int, Row | None] = {}
        self._single: dict[int, Row | None] = {}
        self._learns = True
        self._seen = 0
        self._error: BaseException | None = None
        self.callback = library().llama.llama_cpp.ggml_backend_sched_eval_callback(self._on_node)

    def begin(self, count: int) -> None:
        """Before a batch of ``count`` tokens."""
        self._seen = 0
        self._stops = self._single if count == 1 else {}
        self._learns = not self._stops
        self._told.begin()

    def end(self) -> None:
        """After the batch.

        Raises:
            Failed, Exception: whatever was raised while it was computed, which ctypes cannot
                pass on through llama.cpp.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._seen != len(self._stops):
            self._stops.clear()

    def _on_node(self, address: int, asks: bool, _: object) -> bool:
        if asks:
            return address in self._stops or (self._learns and self._is_choice(address))
        try:
            self._on_choice(address)
        except BaseException as error:
            self._error = error
            return False  # ends this computation, whose result nobody will read
        return True

    def _is_choice(self, address: int) -> bool:
        name = address + Tensor.name.offset
        found = _eight_bytes(name).value == _FIRST and _eight_bytes(name + 8).value & _MASK == _REST
        if found:
            self._stops[address] = None
        return found

    def _on_choice(self, address: int) -> None:
        if (row := self._stops[address]) is None or not row.is_same:
            choice = Tensor.from_address(address)
            if not choice.name.startswith(CHOICE):
                return  # another graph than the one that was learnt
            row = self._stops[address] = Row(choice)
        self._seen += 1
        self._told.routed(row.layer, row.rows(), row.given)
