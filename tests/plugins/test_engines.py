"""What all engines have in common: the contract of infra.testing, and agreement with each other."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import numpy as np
import pytest

from infra import testing
from infra.plan import Plan
from infra.plugins import bundled, registry
from infra.prompts import read
from infra.protocols import Engine

TINY = bundled("plugins") / "tiny_moe"
SAFETENSORS, GGUF = TINY / "weights", TINY / "weights" / "tiny-moe-f16.gguf"
PLANS = {
    "transformers": testing.plan_for(SAFETENSORS, "transformers", threads=1, batch=64),
    "transformers-q8": testing.plan_for(SAFETENSORS, "transformers", "q8", threads=1, batch=64),
    "mlx": testing.plan_for(SAFETENSORS, "mlx", batch=64),
    "llama_cpp": testing.plan_for(GGUF, "llama_cpp", threads=1, batch=64),
}
#: nats by which an engine's log-probabilities may differ from transformers' at float32
TOLERANCE = {"mlx": 1e-3, "llama_cpp": 0.05}


@pytest.fixture(scope="module", params=PLANS)
def plan(request: pytest.FixtureRequest) -> Plan:
    return PLANS[request.param]


@pytest.fixture(scope="module")
def engine(plan: Plan) -> Iterator[Engine]:
    with testing.loaded(registry().get("infra_backends", plan.backend), plan) as engine:
        yield engine


@pytest.mark.parametrize("clause", testing.CLAUSES, ids=lambda clause: clause.__name__)
def test_an_engine(clause: Callable[[Engine, Plan], None], engine: Engine, plan: Plan) -> None:
    clause(engine, plan)


def test_closing_frees_the_model(plan: Plan) -> None:
    testing.closing_frees_the_model(registry().get("infra_backends", plan.backend), plan)


@pytest.fixture(scope="module")
def engines() -> Iterator[Mapping[str, Engine]]:
    """The same weights on all engines; transformers computes in float32."""
    plans = PLANS | {
        "transformers": testing.plan_for(SAFETENSORS, "transformers", threads=1, dtype="float32")
    }
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                testing.loaded(registry().get("infra_backends", name), plans[name])
            )
            for name in ("transformers", *TOLERANCE)
        }


@pytest.mark.parametrize("name", TOLERANCE)
def test_log_probabilities_agree(engines: Mapping[str, Engine], name: str) -> None:
    reference, other = engines["transformers"], engines[name]
    for prompt in read(TINY / "prompts.jsonl")[:3]:
        ids = reference.encode(prompt)
        ids += [token.id for token in testing.take(reference, ids, 40, temperature=1.0)]
        assert other.encode(prompt) == reference.encode(prompt)
        np.testing.assert_allclose(
            other.logprobs(ids), reference.logprobs(ids), rtol=0, atol=TOLERANCE[name]
        )


@pytest.mark.parametrize("name", TOLERANCE)
def test_greedy_answers_agree_until_a_tie(engines: Mapping[str, Engine], name: str) -> None:
    reference, other = engines["transformers"], engines[name]
    for prompt in read(TINY / "prompts.jsonl")[:6]:
        ids = reference.encode(prompt)
        ours, theirs = (testing.take(e, ids, 32, temperature=0.0) for e in (reference, other))
        assert testing.first_gap(reference, ids, ours, theirs) < testing.TIE, prompt.id
