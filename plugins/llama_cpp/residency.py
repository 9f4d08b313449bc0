"""``experts.residency``: what it asks of llama.cpp, and what came of it.

``resident``: the weights are copied into memory of their own. ``mmap``: they stay in the pages of
the mapped file, which the system reads and drops as it likes. ``stream``: see ``streaming``.
"""

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.errors import Refused
from infra.plan import Load, Plan

if TYPE_CHECKING:  # numpy, which listing backends does without
    from .probe import Anatomy

#: of sys.platform; elsewhere there is neither preadv nor mincore
STREAMS = ("linux", "darwin")


def check(plan: Plan) -> None:
    """Raises:
    Refused: it contradicts what else was asked for, or this system cannot do it.
    """
    residency, load = plan.experts.residency, plan.load
    if residency is None:
        return
    asked = f"experts.residency={residency}"
    if residency == "resident" and load.mmap:
        raise Refused(f"{asked} copies the weights, and load.mmap=true does not: leave one out.")
    if residency != "resident" and load.mmap is False:
        raise Refused(f"{asked} leaves the weights in the mapped file: leave load.mmap=false out.")
    if residency == "stream":
        _check_stream(asked, load)


def _check_stream(asked: str, load: Load) -> None:
    if sys.platform not in STREAMS or not hasattr(os, "preadv"):
        raise Refused(f"{asked} works on Linux and macOS, not on {sys.platform}: try mmap.")
    if load.repack:
        raise Refused(
            f"{asked} reads experts where they lie in the file, and load.repack=true copies them: "
            "leave one out."
        )
    if load.device not in ("auto", "cpu") or load.gpu_layers:
        name = "gpu_layers" if load.gpu_layers else "device"
        raise Refused(
            f"{asked} computes on the CPU, from the pages of the file: leave out "
            f"load.{name}={getattr(load, name)}."
        )


def options(plan: Plan) -> Load:
    """``load.*`` with what the residency stands for."""
    load = plan.load
    match plan.experts.residency:
        case "resident":
            return replace(load, mmap=False)
        case "mmap":
            return replace(load, mmap=True, repack=bool(load.repack))
        case "stream":
            return replace(load, mmap=True, repack=False, device="cpu")
    return load


def effective(anatomy: "Anatomy", streams: bool) -> str:
    """Where most of the experts' bytes are, or those of a dense model.

    Args:
        streams: whether all layers with experts were seen to be served.
    """
    weights = anatomy.stacks or anatomy.weights
    mapped = sum(each.bytes for each in weights.values() if each.is_mapped)
    if 2 * mapped < sum(each.bytes for each in weights.values()):
        return "resident"
    return "stream" if streams and anatomy.stacks else "mmap"
