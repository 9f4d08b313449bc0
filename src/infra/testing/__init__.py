"""What every engine must pass, as plain functions for the tests of a backend's author.

    @pytest.fixture(scope="module")
    def engine(plan):
        with testing.loaded(MyBackend(), plan) as engine:
            yield engine

    @pytest.mark.parametrize("clause", testing.CLAUSES, ids=lambda clause: clause.__name__)
    def test_my_engine(clause, engine, plan):
        clause(engine, plan)

    def test_my_backend_frees_its_models(plan):
        testing.closing_frees_the_model(MyBackend(), plan)

Each raises AssertionError where the contract of ``infra.protocols`` is broken. They need a model
with a tokenizer.json beside its weights, and the ``transformers`` extra as a second opinion.
"""

from collections.abc import Callable

from infra.plan import Plan
from infra.protocols import Engine
from infra.testing.drawing import (
    TIE,
    draws_as_often_as_probable,
    draws_by_the_seed_alone,
    first_gap,
    narrows_to_greedy,
    penalizes_prompt_and_output,
    shapes_probabilities_in_the_one_order,
    starts_from_an_empty_cache,
)
from infra.testing.loading import closing_frees_the_model, states_its_facts
from infra.testing.models import PROMPTS, WEATHER, loaded, plan_for, take
from infra.testing.scoring import reads_long_prompts_in_chunks, scores_what_it_generates
from infra.testing.text import decodes_like_transformers, encodes_like_transformers

__all__ = [
    "CLAUSES",
    "PROMPTS",
    "TIE",
    "WEATHER",
    "closing_frees_the_model",
    "decodes_like_transformers",
    "draws_as_often_as_probable",
    "draws_by_the_seed_alone",
    "encodes_like_transformers",
    "first_gap",
    "loaded",
    "narrows_to_greedy",
    "penalizes_prompt_and_output",
    "plan_for",
    "reads_long_prompts_in_chunks",
    "scores_what_it_generates",
    "shapes_probabilities_in_the_one_order",
    "starts_from_an_empty_cache",
    "states_its_facts",
    "take",
]

#: all that one loaded engine must pass, in the order of their cost
CLAUSES: tuple[Callable[[Engine, Plan], None], ...] = (
    states_its_facts,
    shapes_probabilities_in_the_one_order,
    encodes_like_transformers,
    decodes_like_transformers,
    draws_by_the_seed_alone,
    starts_from_an_empty_cache,
    narrows_to_greedy,
    penalizes_prompt_and_output,
    scores_what_it_generates,
    reads_long_prompts_in_chunks,
    draws_as_often_as_probable,
)
