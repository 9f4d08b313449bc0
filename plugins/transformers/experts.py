"""What is known of a mixture of experts once it is loaded."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from infra.effective import verify_numbers
from infra.experts.routing import Counts

Hook = Callable[[Any, Any, Any], None]
"""Called with a module and its arguments before it computes."""

#: how the fused experts of transformers 5 name the (tokens, K) experts chosen, and their weights
CHOICES = {"top_k_index": "top_k_weights", "router_indices": "routing_weights"}


def is_experts(module: Any) -> bool:
    """Whether the module computes experts that were chosen for it."""
    return not CHOICES.keys().isdisjoint(_names(module)) or takes_all(module)


def takes_all(module: Any) -> bool:
    """Whether each of the module's experts is given every token, as in Llama 4: where it was not
    chosen, as zeros."""
    fused = any(each.ndim == 3 for each in module.parameters(recurse=False))
    return fused and hasattr(module, "num_experts") and _names(module) == ["hidden_states"]


def count(model: Any) -> int | None:
    """Experts of a layer; ``None`` for a dense model."""
    return next(map(_number, _all(model)), None)


def numbered(model: Any) -> Iterator[tuple[str, int, Any]]:
    """Path, layer and module of all experts."""
    found = [(path, module) for path, module in model.named_modules() if is_experts(module)]
    for place, (path, module) in enumerate(found):
        numbers = [int(part) for part in path.split(".") if part.isdigit()]
        yield path, numbers[0] if numbers else place, module


def watch(model: Any, counts: Counts) -> None:
    """Count, from now on, where tokens are routed to."""
    for _, layer, module in numbered(model):
        each = sum(t.nbytes for p in module.parameters(recurse=False) for t in stored(p))
        size = each // _number(module)
        module.register_forward_pre_hook(_counting(module, counts, layer, size), with_kwargs=True)


def stored(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The plain tensors that a tensor is made of: itself, or a quantized one's codes and scales."""
    if not hasattr(tensor, "__tensor_flatten__"):
        yield tensor
        return
    names, _ = tensor.__tensor_flatten__()
    for name in names:
        yield from stored(getattr(tensor, name))


@torch.no_grad()
def effective_k(model: Any) -> int | None:
    """How many experts each of four tokens was seen to use in each layer of a forward pass.

    ``None`` if that is unknown: no layer shows it, or layers or tokens differ.

    Raises:
        Refused: what comes out are no numbers.
    """
    seen: set[int] = set()
    note = partial(_note, seen)
    hooks = [m.register_forward_pre_hook(note, with_kwargs=True) for m in _all(model)]
    try:
        logits = model(torch.arange(4, device=model.device)[None]).logits
    finally:
        for hook in hooks:
            hook.remove()
    verify_numbers(bool(logits.isfinite().all()))
    return seen.pop() if len(seen) == 1 else None


def _all(model: Any) -> Iterator[Any]:
    return filter(is_experts, model.modules())


def _number(module: Any) -> int:
    """Experts that a token may be sent to. LongCat-Flash, whose module does not name it, has also
    some that give back what they are given."""
    named: int | None = getattr(module, "num_experts", None)
    return named or max(len(each) for each in module.parameters(recurse=False) if each.ndim == 3)


def _names(module: Any) -> list[str]:
    return list(inspect.signature(module.forward).parameters)


def _counting(module: Any, counts: Counts, layer: int, expert_bytes: int) -> Hook:
    def count_given(_: Any, args: Any, kwargs: Any) -> None:
        counts.add(layer, _given(module, args, kwargs), expert_bytes)

    if takes_all(module):
        return count_given
    names = _names(module)
    name = next(filter(CHOICES.__contains__, names))
    place = names.index(name)

    def count_one(_: Any, args: Any, kwargs: Any) -> None:
        chosen = kwargs[name] if name in kwargs else args[place]
        counts.add(layer, chosen.tolist(), expert_bytes)

    return count_one


def _note(seen: set[int], module: Any, args: Any, kwargs: Any) -> None:
    """Add each token's number of distinct experts whose output is not multiplied by 0."""
    if takes_all(module):
        seen.update(filter(None, map(len, _given(module, args, kwargs))))  # padding is all zeros
        return
    given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    index, weight = next((given[i], given[w]) for i, w in CHOICES.items() if i in given)
    for chosen, used in zip(_rows(index), _rows(weight), strict=True):
        seen.add(len({i for i, w in zip(chosen, used, strict=True) if w != 0}))


def _given(module: Any, args: Any, kwargs: Any) -> list[list[int]]:
    """The experts of each token, of a module that takes all: those that do not see zeros."""
    hidden = args[0] if args else kwargs["hidden_states"]
    sees = hidden.reshape(module.num_experts, -1, hidden.shape[-1]).ne(0).any(-1)
    return [each.nonzero().flatten().tolist() for each in sees.T]


def _rows(tensor: torch.Tensor) -> list[list[float]]:
    rows: list[list[float]] = tensor.reshape(-1, tensor.shape[-1]).tolist()
    return rows
