"""Foretells which experts a token will be sent to in the next layer.

A layer adds little to what it is given, so the next layer's router, applied to what this layer's
router was given, names most of those that it will choose (Eliseev and Mazur, "Fast Inference of
Mixture-of-Experts Language Models with Offloading", 2023, section 3.2).
"""

import ctypes
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .tensor import ROUTER
from .weight import Weight

Floats = NDArray[np.float32]
#: the weights of the norm before the experts, by architecture
NORMS = ("ffn_norm", "post_attention_norm")


class Router(NamedTuple):
    """What a layer sends its tokens to experts by."""

    weights: Floats  #: of shape (experts, hidden)
    bias: Floats  #: (experts,)
    norm: Floats  #: (hidden,), of what it is given


class Forecast:
    """Of one model."""

    def __init__(self, weights: Mapping[str, Weight]) -> None:
        """Args:
        weights: of the loaded model, which outlives this.
        """
        routers = dict(sorted(_routers(weights)))
        layers = list(routers)
        self._after = {
            here: (after, routers[after], _ratio(routers[after].norm, routers[here].norm))
            for here, after in itertools.pairwise(layers)
            if routers[here].weights.shape == routers[after].weights.shape
        }

    def after(self, layer: int, given: Floats, count: int) -> tuple[int, list[int]] | None:
        """The next layer with experts, and the likeliest of them; ``None`` after the last.

        Args:
            given: what the router of ``layer`` was given for one token, of shape (hidden,).
            count: experts of a token.
        """
        if (found := self._after.get(layer)) is None:
            return None
        after, router, scale = found
        logits = router.weights @ (given * scale) + router.bias
        likely: list[int] = np.argpartition(-logits, count - 1)[:count].tolist()
        return after, likely


def _routers(weights: Mapping[str, Weight]) -> Iterator[tuple[int, Router]]:
    """By layer; those that are no plain numbers in main memory are left out."""
    for name, weight in weights.items():
        if not name.endswith(ROUTER.decode()) or (gate := _floats(weight)) is None:
            continue
        place = name.removesuffix(ROUTER.decode())
        bias = weights.get(f"{place}.ffn_gate_inp.bias")
        norm = next((w for n in NORMS if (w := weights.get(f"{place}.{n}.weight"))), None)
        yield (
            int(place.split(".")[1]),
            Router(gate, _vector(bias, len(gate), 0), _vector(norm, gate.shape[1], 1)),
        )


def _vector(weight: Weight | None, size: int, otherwise: float) -> Floats:
    found = _floats(weight) if weight else None
    return np.full(size, otherwise, np.float32) if found is None else found[0]


def _floats(weight: Weight) -> Floats | None:
    if weight.scheme != "f32" or weight.device != "cpu":
        return None
    numbers = (ctypes.c_float * weight.size).from_address(weight.address)
    return np.ctypeslib.as_array(numbers).reshape(math.prod(weight.shape[1:]), weight.shape[0])


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.ones_like(above), where=below != 0)
