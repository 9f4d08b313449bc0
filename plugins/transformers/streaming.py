"""``experts.residency=stream``: the experts that tokens are routed to are read from the checkpoint
when they are, and no others; the rest of the model is loaded as ever.

The library computes experts by a function of ``ALL_EXPERTS_FUNCTIONS``. The one registered here
reads the routed experts into one buffer and calls the library's own ``grouped_mm``, which resident
experts are computed with, on that buffer in place of the layer's fused parameters: same shapes,
same order, same bits.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

from infra.experts.routing import Counts

from .experts import is_experts, numbered
from .layout import Weights
from .reads import Job, Reader

NAME = "infra_stream"
#: bytes of experts that are in memory at once, unless one alone is larger
STAGED = 128 << 20

compute = ALL_EXPERTS_FUNCTIONS["grouped_mm"]


def without_experts(model_class: Any) -> Any:
    """The class, whose models have no experts to load: only their shapes, on the meta device."""

    def init(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        super(hollow, self).__init__(config, *args, **kwargs)
        for module in filter(is_experts, self.modules()):
            _hollow_out(module)

    # the library looks models up by the names of their class and module
    body = {"__init__": init, "__module__": model_class.__module__}
    hollow: Any = type(model_class.__name__, (model_class,), body)
    return hollow


def _hollow_out(module: Any) -> None:
    for name, parameter in list(module.named_parameters(recurse=False)):
        if parameter.ndim == 3:
            delattr(module, name)
            setattr(module, name, parameter.data.to("meta"))  # a shape, which no file must fill


class Streams:
    """The experts of a model, in its files."""

    def __init__(self, model: Any, weights: dict[str, list[Weights]], threads: int) -> None:
        """
        Args:
            weights: of each module of experts, by its path.
            threads: that read at once.
        """
        self.weights = [each for layer in weights.values() for each in layer]
        files = {piece.file for each in self.weights for one in each.pieces for piece in one}
        self.reader = Reader(files, threads)
        self.buffers: dict[str, torch.Tensor] = {}
        self.counts: Counts | None = None
        self._layers: list[Layer] = []
        for path, number, module in numbered(model):
            module.streamed = Layer(self, number, weights[path])
            self._layers.append(module.streamed)

    @property
    def at_work(self) -> bool:
        """Whether every layer has read experts since it was made."""
        return all(layer.passes for layer in self._layers)

    def buffer(self, name: str, size: int) -> torch.Tensor:
        """Bytes to read into; one buffer serves all layers, one after the other."""
        if name not in self.buffers or len(self.buffers[name]) < size:
            self.buffers[name] = torch.empty(size, dtype=torch.uint8)
        return self.buffers[name][:size]

    def close(self) -> None:
        """Close the files."""
        self.reader.close()


class Layer:
    """The experts of one layer, in the files."""

    def __init__(self, streams: Streams, number: int, weights: list[Weights]) -> None:
        self.streams, self.number, self.weights = streams, number, weights
        self.expert_bytes = sum(each.expert_bytes for each in weights)
        self.passes = 0

    def forward(
        self, module: Any, hidden: torch.Tensor, index: torch.Tensor, shares: torch.Tensor
    ) -> torch.Tensor:
        """What ``compute`` gives for the whole module.

        Args:
            hidden: (tokens, width).
            index: (tokens, K), the experts of each token.
            shares: (tokens, K), what their outputs are multiplied by.
        """
        self.passes += 1
        rows = index.tolist()
        if self.streams.counts:
            self.streams.counts.add(self.number, rows, self.expert_bytes)
        experts = sorted({expert for row in rows for expert in row})
        most = max(1, STAGED // self.expert_bytes)
        if len(experts) > most:
            turns = [experts[start : start + most] for start in range(0, len(experts), most)]
            return self._in_turns(module, turns, hidden, index, shares)
        staged, local = self._stage(module, experts, index)
        whole: torch.Tensor = compute(staged, hidden, local, shares)
        return whole

    def _in_turns(
        self,
        module: Any,
        turns: list[list[int]],
        hidden: torch.Tensor,
        index: torch.Tensor,
        shares: torch.Tensor,
    ) -> torch.Tensor:
        """The same with some of the experts at a time."""
        outputs = hidden.new_empty(index.numel(), hidden.shape[-1])
        flat, width = index.reshape(-1), index.shape[-1]
        for experts in turns:
            places = torch.isin(flat, flat.new_tensor(experts)).nonzero().squeeze(-1)
            staged, local = self._stage(module, experts, flat[places, None])
            ones = hidden.new_ones(local.shape)
            outputs[places] = compute(staged, hidden[places // width], local, ones)
        # as ``compute`` ends: the sum over a token's experts is rounded once
        weighted = outputs * shares.reshape(-1, 1)
        return weighted.view(*index.shape, -1).sum(dim=1).to(hidden.dtype)

    def _stage(
        self, module: Any, experts: list[int], index: torch.Tensor
    ) -> tuple["Staged", torch.Tensor]:
        """The module with these experts alone, and their places in it for those of ``index``."""
        kept = index.new_tensor(experts)
        tensors = {**self._resident(module, kept), **self._read(module, experts, index.device)}
        return Staged(module, len(experts), tensors), torch.searchsorted(kept, index)

    def _read(self, module: Any, experts: list[int], device: Any) -> dict[str, torch.Tensor]:
        buffers: dict[str, torch.Tensor] = {}
        jobs: list[Job] = []
        for each in self.weights:
            buffer = self.streams.buffer(each.name, len(experts) * each.expert_bytes)
            buffers[each.name] = buffer.view(each.dtype).view(len(experts), *each.shape)
            jobs += _jobs(each, experts, buffer.numpy().data)
        start = time.perf_counter()
        self.streams.reader.read(jobs)
        if self.streams.counts:
            self.streams.counts.wait(time.perf_counter() - start)
        return {
            name: buffer.to(device, getattr(module, name).dtype) for name, buffer in buffers.items()
        }

    def _resident(self, module: Any, kept: torch.Tensor) -> dict[str, torch.Tensor]:
        """The biases, which have a row for each expert."""
        parameters = dict(module.named_parameters(recurse=False))
        rows = {name: each for name, each in parameters.items() if len(each) == module.num_experts}
        return {name: each[kept] for name, each in rows.items()}


class Staged:
    """A module of experts that has some of them."""

    def __init__(self, module: Any, experts: int, tensors: dict[str, torch.Tensor]) -> None:
        self.__dict__.update(tensors, num_experts=experts)
        self._whole = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def _jobs(weights: Weights, experts: Sequence[int], buffer: memoryview) -> Iterator[Job]:
    end = 0
    for expert in experts:
        for piece in weights.pieces[expert]:
            start, end = end, end + piece.size
            yield piece, buffer[start:end]


def _forward(
    module: Any,
    hidden_states: torch.Tensor,
    top_k_index: torch.Tensor,
    top_k_weights: torch.Tensor,
) -> torch.Tensor:
    """Named as the library names them."""
    layer: Layer = module.streamed
    return layer.forward(module, hidden_states, top_k_index, top_k_weights)


ALL_EXPERTS_FUNCTIONS.register(NAME, _forward)
