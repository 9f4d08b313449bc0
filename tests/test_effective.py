"""Asked for and not in effect is a failure that names both values."""

from dataclasses import replace

import pytest

from infra.effective import verify
from infra.errors import Failed
from infra.plan import Experts, Load, Plan, PromptSet, Weights
from infra.types import Facts

PLAN = Plan(Weights("m", "/m", "gguf"), "echo", "stored", PromptSet("p", "d", 1))
FACTS = Facts("e 1", "cpu", "float32", 100, 400, 64, 1, experts=8, effective_k=2)


def q(scheme: str, unquantized: float, **schemes: float) -> tuple[Plan, Facts]:
    return (
        replace(PLAN, quantization=scheme),
        replace(FACTS, schemes=schemes, unquantized=unquantized),
    )


def test_k_in_effect_passes() -> None:
    verify(replace(PLAN, experts_active=2), FACTS)


def test_k_not_in_effect_fails_with_both_values() -> None:
    with pytest.raises(Failed, match=r"experts.active=4 .* uses 2 experts"):
        verify(replace(PLAN, experts_active=4), FACTS)


@pytest.mark.parametrize(("experts", "said"), [(None, "no"), (8, "an unknown number of")])
def test_experts_that_nobody_sees_are_said_to_be_none_or_unknown(
    experts: int | None, said: str
) -> None:
    with pytest.raises(Failed, match=f"a token uses {said} experts"):
        verify(replace(PLAN, experts_active=4), replace(FACTS, experts=experts, effective_k=None))


def test_dtype_not_in_effect_fails_with_both_values() -> None:
    with pytest.raises(Failed, match=r"bfloat16 .* float32 is in effect"):
        verify(replace(PLAN, load=Load(dtype="bfloat16")), FACTS)


@pytest.mark.parametrize(
    ("plan", "facts"),
    [
        q("stored", 1.0, f16=1.0),
        q("none", 1.0, f16=0.9, f32=0.1),
        q("q4", 0.001, q4_k=0.7, q6_k=0.299, f32=0.001),
        q("q8", 0.02, int8=0.98, bfloat16=0.02),
    ],
)
def test_a_quantization_in_effect_passes(plan: Plan, facts: Facts) -> None:
    verify(plan, facts)


@pytest.mark.parametrize(
    ("plan", "facts"),
    [
        q("none", 0.5, f16=0.5, q4_k=0.5),
        q("q4", 0.0, q6_k=0.6, q4_k=0.4),
        q("q8", 0.92, bfloat16=0.92, int8=0.08),
        q("q8", 0.03, int8=0.97, bfloat16=0.03),
    ],
)
def test_a_quantization_not_in_effect_fails(plan: Plan, facts: Facts) -> None:
    with pytest.raises(Failed, match=f"quantization={plan.quantization} was asked for"):
        verify(plan, facts)


def test_a_residency_not_in_effect_fails_with_both_values() -> None:
    asked = replace(PLAN, experts=Experts(residency="stream"))
    verify(asked, replace(FACTS, residency="stream"))
    with pytest.raises(Failed, match=r"residency=stream was asked for, mmap is in effect"):
        verify(asked, replace(FACTS, residency="mmap"))
    with pytest.raises(Failed, match=r"something unknown is in effect"):
        verify(asked, FACTS)
