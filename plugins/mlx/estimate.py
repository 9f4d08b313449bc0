"""How much memory a run takes, by arithmetic on the checkpoint's headers.

Measured with mlx-lm 0.32 on the CPU of Linux: all weights are in memory of their own; while they
are cast, a third of the experts is there twice; while they are quantized, two thirds of them are
there as stored, and one layer's in the dtype that they are cast to.
"""

from pathlib import Path

from infra.plan import Plan
from infra.resources import preflight
from infra.types import Estimate
from infra.weights import census

#: as in ``loading``, which imports mlx
BITS = {"q8": 8, "q4": 4, "q3": 3, "q2": 2}
GROUP = 64
WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
#: bytes of the process after the import and, on top, once it works
BASE, LATER = 281_000_000, 40_000_000
CASTING, QUANTIZING = 1 / 3, 2 / 3
#: bytes of a token's activations, for each number of its state
COMPUTE = 16
#: tokens by which the cache of keys and values grows
STEP = 256


def estimate(plan: Plan, tokens: int) -> Estimate | None:
    """As in ``infra.protocols.Estimator``; on the CPU of Linux, for weights stored in floats."""
    found = census.take(Path(plan.model.path)) if preflight.on_cpu(plan) else None
    if found is None:
        return None
    width = WIDTHS.get(plan.load.dtype, WIDTHS["float32"])
    experts, bits = found.experts * found.width, BITS.get(plan.quantization)
    weights, transient = found.all * width, CASTING * experts
    if bits:  # each group has a scale and an offset
        weights = found.all * (bits + 2 * 8 * width // GROUP) // 8
        transient = QUANTIZING * experts + found.layer * width
    return Estimate(
        engine=preflight.base(plan, BASE) + LATER,
        weights=weights,
        cache=found.cached * -(-tokens // STEP) * STEP * width,
        compute=tokens * found.hidden * COMPUTE,
        transient=int(max(transient, found.largest * found.width)),
    )
