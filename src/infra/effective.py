"""What was asked for, held against what was really loaded."""

from infra.errors import Failed, Refused
from infra.plan import Plan
from infra.types import Facts

#: quantization -> the storage types that count as it, for GGUF and for the others
OWN_TYPES = {
    "q8": {"q8_0", "q8", "int8"},
    "q4": {"q4_k", "q4"},
    "q3": {"q3_k", "q3"},
    "q2": {"q2_k", "q2"},
}
FLOATS = {"f32", "f16", "bf16", "f64", "float32", "float16", "bfloat16", "float64"}
#: share of the matrix weights that a quantized model may keep as floats
MOST_UNQUANTIZED = 0.02


def verify(plan: Plan, facts: Facts) -> None:
    """Raises:
    Failed: K, residency, quantization or dtype asked for and not in effect, with both values.
    """
    _verify_experts(plan, facts)
    _verify_quantization(plan.quantization, facts)
    if plan.load.dtype not in ("auto", facts.dtype):
        raise Failed(f"load.dtype={plan.load.dtype} was asked for, {facts.dtype} is in effect.")


def verify_numbers(are_finite: bool) -> None:
    """Args:
        are_finite: whether the logits of a loaded model's first forward pass are.

    Raises:
        Refused: they are not, so that any text it writes means nothing.
    """
    if not are_finite:
        raise Refused(
            "The model's logits are not finite numbers: its weights are damaged (fetch or export "
            "them anew), or load.dtype is too narrow for them (float32 is not)."
        )


def _verify_experts(plan: Plan, facts: Facts) -> None:
    asked = plan.experts_active
    if asked is not None and facts.effective_k != asked:
        seen = facts.effective_k if facts.experts else "no"
        seen = "an unknown number of" if seen is None else seen
        raise Failed(f"experts.active={asked} was asked for, but a token uses {seen} experts.")
    if plan.experts.residency not in (None, facts.residency):
        raise Failed(
            f"experts.residency={plan.experts.residency} was asked for, "
            f"{facts.residency or 'something unknown'} is in effect."
        )


def _verify_quantization(scheme: str, facts: Facts) -> None:
    if scheme == "stored":
        return
    held = ", ".join(f"{name} {share:.1%}" for name, share in facts.schemes.items())
    largest = max(facts.schemes, key=lambda name: facts.schemes[name], default="unknown")
    if scheme == "none":
        wrong = not FLOATS.issuperset(facts.schemes)
    else:
        wrong = largest not in OWN_TYPES[scheme] or facts.unquantized > MOST_UNQUANTIZED
    if wrong:
        raise Failed(
            f"quantization={scheme} was asked for, but the weights are {held}, with "
            f"{facts.unquantized:.1%} of the matrices unquantized."
        )
