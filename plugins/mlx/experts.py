"""The experts of a loaded model: how many a token uses, set and seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear

from infra.effective import verify_numbers

KINDS = (SwitchLinear, QuantizedSwitchLinear)
#: how mlx-lm's layers, and the arguments that they keep, spell "experts that a token uses"
K_NAMES = (
    "top_k",
    "num_experts_per_tok",
    "num_experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
)


def activate(model: Any, k: int) -> None:
    """Let each token use ``k`` experts, in every layer and however deep it lies."""
    for module in model.modules():
        for holder in (module, getattr(module, "args", None), getattr(module, "config", None)):
            for name in K_NAMES:
                if isinstance(getattr(holder, name, None), int):
                    setattr(holder, name, k)


def count(model: Any) -> int | None:
    """Experts of a layer; ``None`` for a dense model."""
    found = (m.num_experts for m in model.modules() if isinstance(m, KINDS))
    return next(found, None)


def effective_k(model: Any) -> int | None:
    """How many experts one token was seen to use in each layer of a forward pass.

    ``None`` if that is unknown: no layer shows it, or layers differ.

    Raises:
        Refused: what comes out are no numbers.
    """
    seen: set[int] = set()
    with watched(SwitchLinear, seen), watched(QuantizedSwitchLinear, seen):
        verify_numbers(bool(mx.isfinite(model(mx.array([[0]]))).all().item()))
    return seen.pop() if len(seen) == 1 else None


@contextmanager
def watched(layer: Any, seen: set[int]) -> Iterator[None]:
    """Add the number of distinct indices of each call of ``layer`` to ``seen``."""
    original = layer.__call__

    def call(self: Any, x: Any, indices: Any, **options: Any) -> Any:
        seen.add(len(np.unique(np.array(indices))))
        return original(self, x, indices, **options)

    layer.__call__ = call
    try:
        yield
    finally:
        layer.__call__ = original
