"""Whether a run fits into memory, before its process is started.

A backend estimates (``infra.protocols.Estimator``); what is not known is not estimated, and what
is not estimated is not refused.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from typing import NamedTuple

from infra.errors import InfraError
from infra.plan import Plan
from infra.plugins import registry
from infra.prompts import to_row
from infra.protocols import Estimator
from infra.resources import limits
from infra.types import Estimate, Json, Prompt
from infra.weights import notes

#: there with a driver of NVIDIA's or AMD's
ACCELERATORS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
#: what an estimate may be too high by; a run is refused only beyond
TOLERANCE = 0.1
#: characters of a prompt's JSON that are one token at least, its template included
CHARACTERS = 2
#: tokens that a template may add
TEMPLATE = 256
#: bytes that the other schemes take, over those of this one
SMALLER = {"none": 1.0, "q8": 0.53, "q4": 0.30, "q3": 0.24, "q2": 0.18}


class Verdict(NamedTuple):
    """What is known before a run."""

    estimate: dict[str, Json]  #: as ``Record.estimate``
    problem: str | None = None  #: why it does not fit, and what would


def judge(plan: Plan, prompts: Sequence[Prompt]) -> Verdict:
    """The estimate of a run that loads its model anew, against what is free now."""
    found = estimate(plan, prompts) if plan.preflight != "off" else None
    if found is None:
        return Verdict({})
    free = min(limits.available(), plan.memory or limits.available())
    told: dict[str, Json] = asdict(found)
    told |= {"needed": found.needed, "peak": found.peak, "available": free}
    fits = found.needed <= free * (1 + TOLERANCE)
    return Verdict(told, None if fits else _problem(plan, found, free, prompts))


def estimate(plan: Plan, prompts: Sequence[Prompt]) -> Estimate | None:
    """What the backend expects; ``None`` where it does not know, or fails to."""
    backend = registry().get("infra_backends", plan.backend)
    if not isinstance(backend, Estimator) or plan.isolation == "none":
        return None
    with suppress(OSError, ValueError, KeyError, TypeError, InfraError):
        return backend.estimate(plan, longest(plan, prompts), len(prompts))
    return None


def longest(plan: Plan, prompts: Sequence[Prompt]) -> int:
    """Tokens that the longest request may have, answer included; at most the context."""
    longest = max((len(str(to_row(prompt))) for prompt in prompts), default=0)
    tokens = ceil(longest / CHARACTERS) + TEMPLATE + plan.sampling.max_tokens
    return min(tokens, plan.load.context or plan.model.context or tokens)


def on_cpu(plan: Plan) -> bool:
    """Whether the run certainly computes on the CPU of Linux, where its memory is known."""
    asked = plan.load.device == "cpu"
    return sys.platform == "linux" and (asked or not any(map(Path.exists, ACCELERATORS)))


def base(plan: Plan, measured_here: int) -> int:
    """Bytes of an engine that was imported and used: what runs of these versions on this machine
    have shown at the end of their import, or else what was measured elsewhere."""
    known = notes.read(_note(plan))
    return known if isinstance(known, int) else measured_here


def learn(plan: Plan, imported: int) -> None:
    """Keep what the process of an engine took at the end of its import."""
    notes.write(_note(plan), imported)


def _note(plan: Plan) -> str:
    versions = "-".join(f"{name}{version}" for name, version in sorted(plan.versions.items()))
    return f"engines/{plan.backend}-{versions}.json"


def _problem(plan: Plan, found: Estimate, free: int, prompts: Sequence[Prompt]) -> str:
    place = f"limits.memory={plan.memory:,} bytes" if plan.memory == free else "this machine"
    parts = {
        "weights": found.weights + found.kept,
        "keys and values": found.cache,
        "buffers": found.compute,
        "the engine": found.engine,
        "more while loading": max(0, found.transient - found.cache - found.compute),
    }
    listed = ", ".join(f"{name} {size / 1e9:.2f}" for name, size in parts.items() if size > 5e6)
    return (
        f"model {plan.model.name} needs about {found.needed / 1e9:.2f} GB ({listed}), and "
        f"{place} has {free / 1e9:.2f} GB free. {_way_out(plan, found, free, prompts)}"
    )


def _way_out(plan: Plan, found: Estimate, free: int, prompts: Sequence[Prompt]) -> str:
    """What would fit, by the same arithmetic."""
    backend = registry().get("infra_backends", plan.backend)
    ways = [*_smaller(plan, found, free, backend.quantizations)]
    if found.cache and plan.load.context and found.needed - found.cache / 2 <= free:
        ways.append(f"load.context={plan.load.context // 2}")
    if _streamed_fits(plan, free, prompts):
        ways.append("experts.residency=stream")
    said = f"Try {' or '.join(ways)}" if ways else "Try a smaller model"
    if plan.model.experts and plan.experts.residency != "stream":
        said += "; fewer active experts need no less"
    return (
        f"{said}. preflight=warn runs it all the same; add timeout=SECONDS, as it may read "
        "the same pages again and again without an end."
    )


def _streamed_fits(plan: Plan, free: int, prompts: Sequence[Prompt]) -> bool:
    """Whether the run would fit if its experts were streamed, as far as the backend can that."""
    if not plan.model.experts or plan.experts.residency == "stream":
        return False
    streamed = replace(plan, experts=replace(plan.experts, residency="stream"))
    found = estimate(streamed, prompts)
    return found is not None and found.needed <= free


def _smaller(plan: Plan, found: Estimate, free: int, able: frozenset[str]) -> list[str]:
    """The finest scheme that fits, if the weights can be had in it."""
    held = plan.quantization if plan.quantization in SMALLER else plan.model.quantization
    quantized = plan.model.quantization != "none" and not plan.model.random
    if held not in SMALLER or quantized:  # other files of the model may be there, or not
        return []
    for scheme, share in SMALLER.items():
        ratio = share / SMALLER[held]
        less = (found.weights + found.kept) * (1 - ratio)
        if ratio < 1 and scheme in able and found.needed - less <= free:
            return [f"quantization={scheme}"]
    return []
