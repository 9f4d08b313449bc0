"""Looks at a loaded model from inside: one token's forward pass, seen node by node.

ggml shows every operation to a callback before it is computed. What the operations read from
buffers that hold weights are the weights as they are in use, whatever the metadata say; the
tensors ``ffn_moe_topk-LAYER`` hold the ids of the experts that each token is sent to.
"""

import ctypes
import math
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from infra.errors import Failed

from .context import Context
from .hardware import name_of
from .native import library

WEIGHTS = 1  # GGML_BACKEND_BUFFER_USAGE_WEIGHTS of ggml-backend.h


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


class Weight(NamedTuple):
    """One tensor of the model as it lies in memory."""

    scheme: str  #: storage type in lower case, e.g. ``q4_k``
    shape: tuple[int, ...]  #: four numbers, the fastest dimension first
    bytes: int
    is_float: bool
    device: str
    is_mapped: bool  #: in the file's own pages
    is_repacked: bool  #: copied into a layout that only the CPU's kernels read

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass
class Anatomy:
    """What one forward pass used."""

    weights: dict[str, Weight] = field(default_factory=dict)
    used_experts: set[int] = field(default_factory=set)  #: by a token, in any layer

    @property
    def effective_k(self) -> int | None:
        """The one K of all layers; ``None`` without experts, or where layers differ."""
        return _only(self.used_experts)

    @property
    def experts(self) -> int | None:
        """Experts of a layer, as ``effective_k``."""
        stacks = [w.shape for name, w in self.weights.items() if name.endswith("_exps.weight")]
        return _only({shape[2] for shape in stacks})

    @property
    def unquantized(self) -> float:
        """Share of the matrix weights that is stored as floats."""
        matrices = [weight for weight in self.weights.values() if math.prod(weight.shape[1:]) > 1]
        floats = sum(weight.size for weight in matrices if weight.is_float)
        return floats / sum(weight.size for weight in matrices)

    def schemes(self, parameters: int) -> dict[str, float]:
        """Storage type -> share of ``parameters``, the largest first. What no operation read (a
        head for drafting, say) is ``unused``."""
        counts: Counter[str] = Counter()
        for weight in self.weights.values():
            counts[weight.scheme] += weight.size
        counts["unused"] = parameters - counts.total()
        return {name: count / parameters for name, count in counts.most_common() if count}

    @property
    def device(self) -> str:
        """Where most of the bytes are."""
        sizes: Counter[str] = Counter()
        for weight in self.weights.values():
            sizes[weight.device] += weight.bytes
        return sizes.most_common(1)[0][0]

    @property
    def gpu_layers(self) -> int:
        """Layers with weights elsewhere than in main memory."""
        away = [name for name, weight in self.weights.items() if weight.device != "cpu"]
        return len({name.split(".")[1] for name in away if name.startswith("blk.")})

    @property
    def is_mapped(self) -> bool:
        return any(weight.is_mapped for weight in self.weights.values())

    @property
    def repacked_bytes(self) -> int:
        return sum(weight.bytes for weight in self.weights.values() if weight.is_repacked)


def _only(values: set[int]) -> int | None:
    return next(iter(values)) if len(values) == 1 else None


def examine(model: int, threads: int) -> Anatomy:
    """Evaluate one token and look.

    Raises:
        Failed: ggml's tensors are laid out otherwise than this module knows.
    """
    watcher = _Watcher()
    watch = library().llama.llama_cpp.ggml_backend_sched_eval_callback(watcher)
    with closing(Context(model, length=256, batch=1, threads=threads, watch=watch)) as context:
        context.decode([0])
    if watcher.is_lost:
        raise Failed("This llama-cpp-python has another struct ggml_tensor; use a tested version.")
    return watcher.anatomy


class _Watcher:
    """Called with the address of every tensor before it is computed."""

    def __init__(self) -> None:
        self.anatomy = Anatomy()
        self.ggml = library().ggml
        self.is_lost = False

    def __call__(self, address: int, asks: bool, _: object) -> bool:
        self.is_lost |= self.ggml.ggml_get_name(address) != address + Tensor.name.offset
        if not self.is_lost:
            self._look(Tensor.from_address(address))
        return not asks  # asked: this tensor's data are not needed; else: go on

    def _look(self, tensor: Tensor) -> None:
        if tensor.name.startswith(b"ffn_moe_topk"):
            self.anatomy.used_experts.add(tensor.shape[0])
        for address in filter(None, tensor.sources):
            source = Tensor.from_address(address)
            if source.buffer and self.ggml.ggml_backend_buffer_get_usage(source.buffer) == WEIGHTS:
                self.anatomy.weights[source.name.decode()] = _weight(source)


def _weight(tensor: Tensor) -> Weight:
    ggml = library().ggml
    return Weight(
        scheme=ggml.ggml_type_name(tensor.type).decode().lower(),
        shape=tuple(tensor.shape),
        bytes=ggml.ggml_nbytes(ctypes.addressof(tensor)),
        is_float=not ggml.ggml_is_quantized(tensor.type),
        **_place(tensor.buffer),
    )


def _place(buffer: int) -> dict[str, Any]:
    ggml = library().ggml
    is_host = ggml.ggml_backend_buffer_is_host(buffer)
    device = ggml.ggml_backend_buft_get_device(ggml.ggml_backend_buffer_get_type(buffer))
    name = "cpu" if is_host or not device else name_of(device)
    is_mapped = b"Mapped" in ggml.ggml_backend_buffer_name(buffer)
    return {"device": name, "is_mapped": is_mapped, "is_repacked": name == "cpu" and not is_host}
