"""Facts about a loaded model, read from its parameters."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from infra import chat
from infra.resources.machine import versions
from infra.types import Facts

from . import experts
from .experts import stored

if TYPE_CHECKING:  # only streaming builds upon the library's insides
    from .layout import Weights

FLOATS = frozenset({"float64", "float32", "bfloat16", "float16"})
UNSUPPORTED = ("gpu_layers", "mmap", "repack")


def read(
    model: Any, template: str | None, context: int, batch: int, streamed: "Sequence[Weights]" = ()
) -> Facts:
    """All facts but the residency; one short forward pass shows the experts at work.

    Args:
        context: tokens that the engine takes.
        batch: prompt tokens of one forward pass.
        streamed: weights that are no parameters of the model.
    """
    parameters = dict(model.named_parameters())  # tied ones once
    elsewhere = _streamed_sizes(streamed)
    sizes = _sizes(parameters.values()) + elsewhere
    matrices = _sizes(p for name, p in parameters.items() if _is_matrix(name, p)) + elsewhere
    in_memory = sum(t.nbytes for p in parameters.values() for t in stored(p))
    device, dtype = str(model.device), str(model.dtype).removeprefix("torch.")
    threads = torch.get_num_threads()
    effect = {
        "dtype": dtype,
        "device": device,
        "threads": threads,
        "context": context,
        "batch": batch,
    }
    return Facts(
        engine=f"transformers {versions(('transformers',))['transformers']}",
        device=device,
        dtype=dtype,
        parameters=sizes.total(),
        weight_bytes=in_memory + sum(len(w.pieces) * w.expert_bytes for w in streamed),
        context=context,
        threads=threads,
        experts=experts.count(model),
        effective_k=experts.effective_k(model),
        schemes={name: size / sizes.total() for name, size in sizes.items()},
        unquantized=sum(matrices[name] for name in FLOATS) / matrices.total(),
        template_sha256=chat.sha256(template),
        options={**dict.fromkeys(UNSUPPORTED, "unsupported"), **effect},
    )


def scheme(parameter: torch.Tensor) -> str:
    """``float32`` and the like; of a quantized tensor the type of its codes, such as ``int8``."""
    largest = max(stored(parameter), key=lambda tensor: tensor.nbytes)
    return str(largest.dtype).removeprefix("torch.")


def _is_matrix(name: str, parameter: torch.Tensor) -> bool:
    return parameter.ndim >= 2 and not name.endswith("bias")


def _sizes(parameters: Iterable[torch.Tensor]) -> Counter[str]:
    """Scheme -> weights stored so."""
    sizes: Counter[str] = Counter()
    for parameter in parameters:
        sizes[scheme(parameter)] += parameter.numel()
    return sizes


def _streamed_sizes(streamed: "Sequence[Weights]") -> Counter[str]:
    sizes: Counter[str] = Counter()
    for each in streamed:
        name = str(each.dtype).removeprefix("torch.")
        sizes[name] += len(each.pieces) * math.prod(each.shape)
    return sizes
