"""``experts.residency``: where the experts' weights are while the model computes.

``resident``: in memory of their own. ``mmap``: in the pages of the mapped file, which the kernel
may drop and read again; transformers leaves a tensor there if it takes it as it is stored, so
fused experts of the same dtype, on the CPU. ``stream``: see ``streaming``.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from infra.errors import Refused
from infra.plan import Plan

from .experts import numbered, stored

if TYPE_CHECKING:  # only streaming builds upon the library's insides
    from .layout import Weights

MAPS = Path("/proc/self/maps")


def check(plan: Plan, config: Any) -> None:
    """
    Raises:
        Refused: this way to hold experts cannot be had with what else the plan asks.
    """
    asked = plan.experts
    if asked.pin:
        raise Refused(
            f"experts.pin={asked.pin}: backend=transformers locks no experts in memory. Try "
            "experts.pin=0, or backend=llama_cpp."
        )
    if asked.residency in ("mmap", "stream"):
        _check_floats(plan, config)
    if asked.residency == "stream":
        _check_stream(plan, config)
    if asked.residency == "mmap" and not MAPS.exists():
        raise Refused("experts.residency=mmap: only Linux tells whether experts stay mapped.")


def _check_floats(plan: Plan, config: Any) -> None:
    asked = f"experts.residency={plan.experts.residency}"
    if plan.quantization == "q8":
        raise Refused(
            f"{asked} leaves the experts as they are stored, and quantization=q8 does not. Try "
            "quantization=stored, or experts.residency=resident."
        )
    if getattr(config, "quantization_config", None) is not None:
        raise Refused(
            f"{asked}: {plan.model.path} is stored quantized, and transformers can only leave "
            "floats in the file. Try experts.residency=resident, or backend=llama_cpp with a GGUF."
        )


def _check_stream(plan: Plan, config: Any) -> None:
    if not hasattr(os, "preadv"):
        raise Refused("experts.residency=stream needs preadv, which this system does not have.")
    if plan.experts.io_threads < 1:
        raise Refused(f"experts.io_threads={plan.experts.io_threads}: at least 1 has to read.")
    if getattr(config, "auto_map", None) and plan.model.trust_remote_code:
        raise Refused(
            f"experts.residency=stream: {plan.model.path} brings its own code, which may compute "
            "its experts in any way. Try experts.residency=resident."
        )


def check_model(plan: Plan, skeleton: Any) -> None:
    """
    Args:
        skeleton: the model on the meta device.

    Raises:
        Refused: its experts cannot be held so.
    """
    asked, who = f"experts.residency={plan.experts.residency}", type(skeleton).__name__
    modules = [module for _, _, module in numbered(skeleton)]
    if not modules:
        raise Refused(f"{asked}: {who} has no fused experts. Leave experts.residency out.")
    # set by the library's decorator, which lets a function of our own compute the experts
    if plan.experts.residency == "stream" and not hasattr(modules[0], "is_transposed"):
        raise Refused(f"{asked}: {who} computes its experts in its own way. Try another residency.")


def check_mapped(plan: Plan, device: torch.device, weights: "Iterable[Weights]") -> None:
    """
    Raises:
        Refused: transformers would copy these experts into memory.
    """
    asked = "experts.residency=mmap: transformers copies experts into memory"
    if device.type != "cpu":
        raise Refused(f"{asked} on {device}. Try load.device=cpu, or experts.residency=resident.")
    for each in weights:
        kind = str(each.dtype).removeprefix("torch.")
        if not each.fused:
            raise Refused(
                f"{asked} where they are stored one by one, as in {plan.model.path}. Try "
                "experts.residency=stream or resident."
            )
        if plan.load.dtype not in ("auto", kind):
            raise Refused(f"{asked} where load.dtype is not what they are stored as, {kind}.")


def take_in(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Copy what is in a mapped file into memory, where it stays."""
    for parameter in parameters:
        if not all(_own(tensor) for tensor in stored(parameter)):
            parameter.data = parameter.data.clone()


def effective(model: Any) -> str | None:
    """``resident`` or ``mmap``; ``None`` for a dense model, or if that is unknown or mixed."""
    tensors = [tensor for parameter in fused(model) for tensor in stored(parameter)]
    found = {"resident" if _own(tensor) else _mapped(tensor) for tensor in tensors}
    return found.pop() if len(found) == 1 else None


def fused(model: Any) -> Iterator[torch.nn.Parameter]:
    """The matrices of all experts of all layers."""
    for _, _, module in numbered(model):
        yield from (each for each in module.parameters(recurse=False) if each.ndim == 3)


def _own(tensor: torch.Tensor) -> bool:
    """Whether torch allocated the memory that the tensor is in."""
    return tensor.device.type != "cpu" or tensor.untyped_storage().resizable()


def _mapped(tensor: torch.Tensor) -> str | None:
    """``mmap`` if the tensor is in a mapped file, ``resident`` if it is in other memory."""
    if not MAPS.exists():
        return None
    for line in MAPS.read_text().splitlines():
        area, *_, last = line.split(maxsplit=5)
        start, end = (int(bound, 16) for bound in area.split("-"))
        if start <= tensor.data_ptr() < end:
            return "mmap" if last.startswith("/") else "resident"
    return None
