"""What is known of a mixture of experts once it is loaded."""

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

#: how the fused experts of transformers 5 name the (tokens, K) experts chosen, and their weights
CHOICES = {"top_k_index": "top_k_weights", "router_indices": "routing_weights"}


def is_experts(module: Any) -> bool:
    """Whether the module computes experts that were chosen for it."""
    return not CHOICES.keys().isdisjoint(inspect.signature(module.forward).parameters)


def count(model: Any) -> int | None:
    """Experts of a layer; ``None`` for a dense model."""
    return next((module.num_experts for module in _all(model)), None)


@torch.no_grad()
def effective_k(model: Any) -> int | None:
    """How many experts each of four tokens was seen to use in each layer of a forward pass.

    ``None`` if that is unknown: no layer shows it, or layers or tokens differ.
    """
    seen: set[int] = set()
    note = partial(_note, seen)
    hooks = [m.register_forward_pre_hook(note, with_kwargs=True) for m in _all(model)]
    try:
        model(torch.arange(4, device=model.device)[None])
    finally:
        for hook in hooks:
            hook.remove()
    return seen.pop() if len(seen) == 1 else None


def _all(model: Any) -> Iterator[Any]:
    return filter(is_experts, model.modules())


def _note(seen: set[int], module: Any, args: Any, kwargs: Any) -> None:
    """Add each token's number of distinct experts whose output is not multiplied by 0."""
    given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    index, weight = next((given[i], given[w]) for i, w in CHOICES.items() if i in given)
    for chosen, used in zip(_rows(index), _rows(weight), strict=True):
        seen.add(len({i for i, w in zip(chosen, used, strict=True) if w != 0}))


def _rows(tensor: torch.Tensor) -> list[list[float]]:
    rows: list[list[float]] = tensor.reshape(-1, tensor.shape[-1]).tolist()
    return rows
