"""How much memory a run takes, by arithmetic on the checkpoint's headers.

Measured with transformers 5.23 on Linux: a tensor taken as it is stored stays in the pages of its
file, of the embedding only the rows of given tokens; experts stored one by one are copied into
fused tensors, while the pages they came from stay mapped; with another dtype all is copied, and the
file let go once all is loaded. Where experts are streamed, all others are copied.
"""

import math
from pathlib import Path

from infra.plan import Plan
from infra.resources import machine, preflight
from infra.types import Estimate
from infra.weights import census
from infra.weights.census import Census

WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
#: bytes of the process after the import and, on top, once it works
BASE, LATER = 407_000_000, 60_000_000
#: bytes of experts in memory at once when they are streamed, unless one alone is larger
STAGED = 128 << 20
#: of the experts of one layer, what is in memory once more while they are fused: as they are
#: stored, with another dtype, and with quantization=q8, which passes through float32
FUSING, CASTING, QUANTIZING = 1 / 3, 2 / 3, 3
#: bytes of a token's activations, for each number of its state
COMPUTE = 16
#: with bfloat16 on AVX-512, oneDNN makes a kernel for each shape, and it and torch keep 1,024 each:
#: so many bytes after many requests of different lengths, and the requests after which 63 % of them
#: are there; the same for 6 million and 1 billion parameters. To keep fewer slows prefill down
KERNELS, SETTLING = 600_000_000, 32


def estimate(plan: Plan, tokens: int, requests: int) -> Estimate | None:
    """As in ``infra.protocols.Estimator``; on the CPU of Linux, for weights stored in floats."""
    found = census.take(Path(plan.model.path)) if preflight.on_cpu(plan) else None
    if found is None:
        return None
    width = WIDTHS.get(plan.load.dtype, found.width)
    weights, mapped, kept, transient = _weights(plan, found, width)
    return Estimate(
        engine=preflight.base(plan, BASE) + LATER,
        weights=int(weights),
        mapped=int(mapped),
        kept=int(kept),
        cache=found.cached * tokens * width,
        compute=tokens * found.hidden * COMPUTE + _kernels(width, requests),
        transient=int(transient),
    )


def _kernels(width: int, requests: int) -> int:
    """Bytes of those that oneDNN makes."""
    if width != WIDTHS["bfloat16"] or "avx512dq" not in machine.cpu_flags():
        return 0
    return int(KERNELS * -math.expm1(-requests / SETTLING))


def _weights(plan: Plan, found: Census, width: int) -> tuple[float, float, float, float]:
    """Copied, mapped, of those needed for each token, and on top while loading; bytes."""
    whole, experts = found.all * found.width, found.experts * found.width
    layer, touched = found.layer * found.width, whole - found.embedding * found.width
    if plan.quantization == "q8":
        return found.all, 0, 0, whole + QUANTIZING * layer
    streamed = plan.experts.residency == "stream"
    if streamed:
        others = (found.all - found.experts) * width
        return others + _staged(plan, found, width), 0, 0, found.largest * found.width
    if width != found.width:
        return found.all * width, 0, 0, whole + CASTING * found.layer * width
    shared = touched - experts
    if not found.fused or plan.experts.residency == "resident":
        return experts, touched, shared, FUSING * layer
    return 0, touched, shared + experts * _share(plan), 0


def _staged(plan: Plan, found: Census, width: int) -> float:
    """Of one layer's experts, as they are stored and, with another dtype, once more in that."""
    layer = found.layer * found.width
    expert = layer / (plan.model.experts or 1)
    stored = min(layer, max(STAGED // expert, 1) * expert)
    return stored + (stored * width / found.width if width != found.width else 0)


def _share(plan: Plan) -> float:
    active = plan.experts_active or plan.model.experts_used
    return active / plan.model.experts if active and plan.model.experts else 1
