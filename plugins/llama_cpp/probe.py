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
from typing import Any

import numpy as np

from infra.effective import verify_numbers
from infra.errors import Failed

from .context import Context
from .hardware import name_of
from .native import library
from .stacks import layer_of
from .streaming import Streamer
from .tensor import CHOICE, Tensor, rows_of
from .tensor import layer_of as chosen_in
from .weight import Weight

WEIGHTS = 1  # GGML_BACKEND_BUFFER_USAGE_WEIGHTS of ggml-backend.h


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
    def stacks(self) -> dict[str, Weight]:
        """The tensors that hold the experts of a layer."""
        return {n: weight for n, weight in self.weights.items() if layer_of(n) is not None}

    @property
    def stacks_by_layer(self) -> dict[int, set[str]]:
        """Layer -> the names of its stacks."""
        found: dict[int, set[str]] = {}
        for name in self.stacks:
            found.setdefault(layer_of(name) or 0, set()).add(name)
        return found

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


def examine(model: int, threads: int, streamer: Streamer | None = None) -> Anatomy:
    """Evaluate one token and look.

    Args:
        streamer: brings the experts of this token, and learns where they are.

    Raises:
        Refused: what comes out are no numbers.
        Failed: ggml's tensors are laid out otherwise than this module knows; or as ``Streamer``.
    """
    watcher = _Watcher(streamer)
    with closing(Context(model, length=256, batch=1, threads=threads, watch=watcher)) as context:
        context.decode([0])
        verify_numbers(bool(np.isfinite(context.logits(1)).all()))
    return watcher.anatomy


class _Watcher:
    """Called with the address of every tensor before it is computed. Nothing is computed before
    llama.cpp has asked for it, so no expert is touched before ``streamer`` knows where it is."""

    def __init__(self, streamer: Streamer | None) -> None:
        self.anatomy = Anatomy()
        self.callback = library().llama.llama_cpp.ggml_backend_sched_eval_callback(self._on_node)
        self._ggml, self._streamer = library().ggml, streamer
        self._error: BaseException | None = None

    def begin(self, count: int) -> None:
        """As ``Watch.begin``."""

    def end(self) -> None:
        """As ``Watch.end``."""
        if self._error is not None:
            raise self._error

    def _on_node(self, address: int, asks: bool, _: object) -> bool:
        if self._error is not None:
            return not asks
        try:
            return self._looked(address, asks)
        except BaseException as error:
            self._error = error
            return False

    def _looked(self, address: int, asks: bool) -> bool:
        if self._ggml.ggml_get_name(address) != address + Tensor.name.offset:
            raise Failed(
                "This llama-cpp-python has another struct ggml_tensor; use a tested version."
            )
        tensor = Tensor.from_address(address)
        if asks:
            self._look(tensor)
            return self._streamer is not None and tensor.name.startswith(CHOICE)
        if self._streamer:
            self._streamer.serve(chosen_in(tensor), rows_of(tensor))
        return True

    def _look(self, tensor: Tensor) -> None:
        if tensor.name.startswith(CHOICE):
            self.anatomy.used_experts.add(tensor.shape[0])
        for address in filter(None, tensor.sources):
            source = Tensor.from_address(address)
            if source.buffer and self._ggml.ggml_backend_buffer_get_usage(source.buffer) == WEIGHTS:
                self._found(source.name.decode(), _weight(source))

    def _found(self, name: str, weight: Weight) -> None:
        self.anatomy.weights[name] = weight
        if self._streamer and weight.is_mapped and layer_of(name) is not None:
            self._streamer.mapped(name, weight.address, weight.bytes)


def _weight(tensor: Tensor) -> Weight:
    ggml = library().ggml
    return Weight(
        scheme=ggml.ggml_type_name(tensor.type).decode().lower(),
        shape=tuple(tensor.shape),
        bytes=ggml.ggml_nbytes(ctypes.addressof(tensor)),
        is_float=not ggml.ggml_is_quantized(tensor.type),
        address=tensor.data,
        **_place(tensor.buffer),
    )


def _place(buffer: int) -> dict[str, Any]:
    ggml = library().ggml
    is_host = ggml.ggml_backend_buffer_is_host(buffer)
    device = ggml.ggml_backend_buft_get_device(ggml.ggml_backend_buffer_get_type(buffer))
    name = "cpu" if is_host or not device else name_of(device)
    is_mapped = b"Mapped" in ggml.ggml_backend_buffer_name(buffer)
    return {"device": name, "is_mapped": is_mapped, "is_repacked": name == "cpu" and not is_host}
