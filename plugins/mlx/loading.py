"""From a plan to a live model: device, dtype, quantization, active experts."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.utils import load_model, maybe_set_recommended_wired_limit, quantize_model

from infra.errors import Refused, nearest
from infra.plan import Plan

from . import experts

DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}
BITS = {"q8": 8, "q4": 4, "q3": 3, "q2": 2}
GROUP = 64  #: weights that share a scale and an offset


def check(plan: Plan) -> None:
    """
    Raises:
        Refused: this machine or this version cannot do what the plan asks.
    """
    chosen, wanted = device(plan.load.device), plan.load.dtype
    if wanted not in ("auto", *DTYPES):
        raise Refused(f"load.dtype={wanted} is unknown. {nearest(wanted, ['auto', *DTYPES])}")
    as_floats = plan.quantization not in BITS and plan.model.quantization == "none"
    if chosen == "cpu" and wanted not in ("auto", "float32") and plan.model.experts and as_floats:
        raise Refused(
            f"load.dtype={wanted}: on the CPU, mlx computes unquantized experts in float32 "
            "alone. Try load.dtype=float32, or a quantization."
        )
    check_residency(plan)
    context(plan)


def check_residency(plan: Plan) -> None:
    """
    Raises:
        Refused: the experts' weights shall be anywhere but in memory, where mlx has all weights
            once they are used, or the routing shall be counted.
    """
    asked = plan.experts
    if asked.residency not in (None, "resident"):
        raise Refused(
            f"experts.residency={asked.residency}: mlx computes with weights in memory alone. Try "
            "experts.residency=resident, or backend=llama_cpp or transformers."
        )
    if asked.telemetry:
        raise Refused(
            "experts.telemetry=true: mlx does not tell where tokens are routed. Leave it out, or "
            "try backend=llama_cpp or transformers."
        )
    if asked.pin:
        raise Refused(
            f"experts.pin={asked.pin}: mlx has all experts in memory. Leave experts.pin out."
        )


def device(wanted: str) -> str:
    """``metal`` or ``cpu``; ``auto`` takes the first of them that is here."""
    here = ["metal"] * mx.metal.is_available() + ["cpu"]
    if wanted not in ("auto", *here):
        raise Refused(f"load.device={wanted}: mlx has {', '.join(here)} on this machine.")
    return here[0] if wanted == "auto" else wanted


def context(plan: Plan) -> int:
    """Tokens that a request may have."""
    tokens = plan.load.context or plan.model.context
    if tokens is None:
        raise Refused(f"{plan.model.path} does not say how long its context is: set load.context.")
    return tokens


def load(plan: Plan) -> tuple[Any, dict[str, Any]]:
    """The model, in memory and ready, and its config.json.

    Raises:
        Refused: mlx-lm does not know the model, or the weights do not fit it.
    """
    chosen = device(plan.load.device)
    mx.set_default_device(mx.gpu if chosen == "metal" else mx.cpu)
    with refusing(plan):
        model, config = load_model(
            Path(plan.model.path), lazy=True, trust_remote_code=plan.model.trust_remote_code
        )
    cast(model, plan.load.dtype, chosen)
    if plan.quantization in BITS:
        with redirect_stdout(io.StringIO()):  # it prints the bits per weight
            model, config = quantize_model(model, config, GROUP, BITS[plan.quantization])
    if plan.experts_active is not None:
        experts.activate(model, plan.experts_active)
    maybe_set_recommended_wired_limit()  # Metal: weights stay in memory between requests
    mx.eval(model.parameters())
    return model, config


@contextmanager
def refusing(plan: Plan) -> Iterator[None]:
    """What mlx-lm says of files that it cannot read, as one sentence."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # what its many readers raise
        said, who = " ".join(str(error).split())[:300], f"mlx-lm {version('mlx-lm')}"
        said = f"it lacks {said}" if isinstance(error, KeyError) else said
        raise Refused(f"{who} cannot load {plan.model.path}: {said}") from error


def cast(model: Any, wanted: str, chosen: str) -> None:
    """``auto`` keeps the stored dtype on Metal; on the CPU float32 is the one that is fast."""
    if wanted != "auto":
        model.set_dtype(DTYPES[wanted])
    elif chosen == "cpu":
        model.set_dtype(mx.float32)
