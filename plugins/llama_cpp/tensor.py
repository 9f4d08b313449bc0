"""``struct ggml_tensor`` as Python sees it, and the experts that such a tensor names.

While llama.cpp computes a layer with experts, the tensor ``ffn_moe_topk-LAYER`` holds, for each
token, the ids of the experts that it is sent to.
"""

import ctypes
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .native import library

CHOICE = b"ffn_moe_topk-"
#: how the name of a router's weights ends
ROUTER = b".ffn_gate_inp.weight"
FLOAT = 0  # GGML_TYPE_F32 of ggml.h
Rows = list[list[int]]
"""The experts of each token."""
Given = Callable[[], "NDArray[np.float32] | None"]
"""What the router was given for a single token, float32 of shape (hidden,); ``None`` where that is
not seen. A view, good until llama.cpp goes on."""


class Tensor(ctypes.Structure):
    """``struct ggml_tensor`` of ggml.h, up to its name."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("shape", ctypes.c_int64 * 4),
        ("strides", ctypes.c_size_t * 4),
        ("operation", ctypes.c_int),
        ("parameters", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("sources", ctypes.c_void_p * 10),
        ("view_source", ctypes.c_void_p),
        ("view_offset", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
    )


def layer_of(choice: Tensor) -> int:
    """The layer whose experts ``choice`` names."""
    return int(choice.name[len(CHOICE) :])


def rows_of(choice: Tensor) -> Rows:
    """The ids in a computed ``choice``; it is a view of a wider tensor, so rows lie apart."""
    chosen, tokens = choice.shape[0], choice.shape[1]
    if not chosen * tokens:
        return []
    width, step = choice.strides[0] // 4, choice.strides[1] // 4
    spanned = (tokens - 1) * step + (chosen - 1) * width + 1
    if choice.buffer and not library().ggml.ggml_backend_buffer_is_host(choice.buffer):
        ids = _fetched(choice, spanned)
    else:
        ids = (ctypes.c_int32 * spanned).from_address(choice.data)
    flat = np.ctypeslib.as_array(ids)
    rows = np.lib.stride_tricks.as_strided(flat, (tokens, chosen), (4 * step, 4 * width))
    found: Rows = rows.tolist()
    return found


class Row:
    """A choice at an address where it comes again with each token: what stays is looked up once."""

    def __init__(self, choice: Tensor) -> None:
        self.layer = layer_of(choice)
        self._choice, address = choice, ctypes.addressof(choice)
        self._name = (ctypes.c_char * 16).from_address(address + Tensor.name.offset)
        self._called = self._name.value
        self._data = ctypes.c_void_p.from_address(address + Tensor.data.offset)
        self._ids = ctypes.c_int32 * choice.shape[0]
        host = not choice.buffer or library().ggml.ggml_backend_buffer_is_host(choice.buffer)
        self._plain = host and choice.shape[1] == 1 and choice.strides[0] == 4
        self._router = _router_of(choice)

    @property
    def is_same(self) -> bool:
        """Whether the node still names the experts of this layer."""
        return self._name.value == self._called

    def given(self) -> "NDArray[np.float32] | None":
        """As ``Given``."""
        if self._router is None or not self._plain:
            return None
        source = Tensor.from_address(self._router.sources[1])
        if source.type != FLOAT:
            return None
        numbers = (ctypes.c_float * source.shape[0]).from_address(source.data)
        return np.ctypeslib.as_array(numbers)

    def rows(self) -> Rows:
        """As ``rows_of``."""
        if self._plain:
            return [self._ids.from_address(self._data.value or 0)[:]]
        return rows_of(self._choice)


def _router_of(choice: Tensor) -> Tensor | None:
    """The product with the router's weights that ``choice`` comes from."""
    while address := choice.sources[0] or choice.view_source:
        source = Tensor.from_address(address)
        if source.name.endswith(ROUTER):
            return choice
        choice = source
    return None


def _fetched(choice: Tensor, count: int) -> "ctypes.Array[ctypes.c_int32]":
    ids = (ctypes.c_int32 * count)()
    address = ctypes.addressof(choice)
    library().ggml.ggml_backend_tensor_get(address, ctypes.addressof(ids), 0, ctypes.sizeof(ids))
    return ids
