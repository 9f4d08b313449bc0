"""What comes out of the prompts is what the plugins' own metrics say."""

from pathlib import Path

import numpy as np
import pytest

from infra.answers import answered, measures
from infra.answers.selection import everything
from repeats import repeats


@pytest.fixture
def prompts(home: Path) -> dict[str, list[answered.Answer]]:
    [folder] = repeats(1, wrong=[3, 7])
    return answered.by_prompt(answered.read(folder))


@pytest.mark.parametrize(
    "metric", ["decode_tps", "prefill_tps", "tpot", "ttft_p50", "itl_p95", "e2e_p99"]
)
def test_speeds_of_all_prompts_are_the_recorded_ones(
    prompts: dict[str, list[answered.Answer]], metric: str
) -> None:
    part = measures.part(metric, prompts, list(prompts))
    assert part
    recorded = everything()[0].metric(metric)
    assert part.values(np.ones((1, len(prompts))))[0] == pytest.approx(recorded, rel=1e-9)


@pytest.mark.parametrize("metric", ["tool_call_exact", "bfcl_correct", "outcome_no_call"])
def test_shares_of_all_prompts_are_the_recorded_ones(
    prompts: dict[str, list[answered.Answer]], metric: str
) -> None:
    judge = measures.score(metric)
    assert judge
    found = measures.scores(judge, prompts)
    assert np.mean(list(found.values())) == pytest.approx(everything()[0].metric(metric))


@pytest.mark.parametrize("metric", ["decode_tps", "ttft_p50", "itl_p95"])
def test_a_prompt_that_is_drawn_twice_counts_twice(
    prompts: dict[str, list[answered.Answer]], metric: str
) -> None:
    keys = list(prompts)[:4]
    weighted, listed = (measures.part(metric, prompts, each) for each in (keys, [*keys, keys[1]]))
    assert weighted
    assert listed
    once = listed.values(np.array([[1.0, 1, 1, 0, 1]]))
    assert weighted.values(np.array([[1.0, 2, 1, 0]])) == pytest.approx(once)


def test_draws_without_a_sample_have_no_value() -> None:
    part = measures.Percentile(np.array([1.0, 2.0]), [0, 0], 50)
    assert np.isnan(part.values(np.array([[0.0, 3.0]]))).all()


def test_unknown_metrics_do_not_come_from_prompts(
    prompts: dict[str, list[answered.Answer]],
) -> None:
    assert measures.part("peak_memory", prompts, list(prompts)) is None
    assert measures.score("decode_tps") is None


def test_answers_survive_a_file(prompts: dict[str, list[answered.Answer]]) -> None:
    answers = [answer for each in prompts.values() for answer in each]
    assert [answered.from_json(row) for row in answered.to_json(answers)] == answers
