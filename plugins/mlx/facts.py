"""Facts about a loaded model, read from its arrays."""

from collections import Counter
from importlib.metadata import version
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from infra import chat
from infra.types import Facts

from . import experts

FLOATS = frozenset({"float32", "bfloat16", "float16"})
UNSUPPORTED = ("threads", "gpu_layers", "mmap", "repack")


def read(model: Any, template: str | None, device: str, context: int, batch: int) -> Facts:
    """All facts; one short forward pass shows the experts at work.

    Args:
        context: tokens that a request may have.
        batch: prompt tokens of one forward pass.
    """
    arrays = dict(tree_flatten(model.parameters()))
    weights, matrices = _sizes(model, arrays)
    dtype = _compute_dtype(arrays)
    count = experts.count(model)
    effect = {"dtype": dtype, "device": device, "context": context, "batch": batch}
    return Facts(
        engine=f"mlx-lm {version('mlx-lm')}",
        device=device,
        dtype=dtype,
        parameters=weights.total(),
        weight_bytes=sum(array.nbytes for array in arrays.values()),
        context=context,
        threads=None,
        experts=count,
        effective_k=experts.effective_k(model),
        residency="resident" if count else None,  # of arrays that are evaluated
        schemes={name: size / weights.total() for name, size in weights.items()},
        unquantized=sum(matrices[name] for name in FLOATS) / matrices.total(),
        template_sha256=chat.sha256(template),
        options={**dict.fromkeys(UNSUPPORTED, "unsupported"), **effect},
    )


def _sizes(model: Any, arrays: dict[str, mx.array]) -> tuple[Counter[str], Counter[str]]:
    """Scheme -> weights stored so, of all arrays and of the matrices alone."""
    modules = dict(model.named_modules())
    weights: Counter[str] = Counter()
    matrices: Counter[str] = Counter()
    for path, array in arrays.items():
        owner, _, name = path.rpartition(".")
        scheme, size = _stored(modules.get(owner), name, array)
        weights[scheme] += size
        if array.ndim >= 2 and name != "bias":
            matrices[scheme] += size
    return +weights, +matrices


def _stored(module: Any, name: str, array: mx.array) -> tuple[str, int]:
    """How an array is stored, and the weights it stands for: none if it only scales others."""
    bits = getattr(module, "bits", None)
    if bits and name == "weight":
        scheme = f"q{bits}" if module.mode == "affine" else module.mode
        return scheme, array.nbytes * 8 // bits
    scales = bits and name in ("scales", "biases", "global_scale")
    return _name(array.dtype), 0 if scales else array.size


def _compute_dtype(arrays: dict[str, mx.array]) -> str:
    """That of most floats; in a quantized model these are scales, which set the arithmetic."""
    floats: Counter[str] = Counter()
    for array in arrays.values():
        floats[_name(array.dtype)] += array.size
    return max(FLOATS, key=lambda name: floats[name])


def _name(dtype: mx.Dtype) -> str:
    return str(dtype).rpartition(".")[2]
