"""Intervals hold as often as they say, and say what they should at the edges."""

import numpy as np
import pytest

from infra.answers import resampling
from infra.answers.resampling import PromptDraws, compared, paired, t_quantile

PAIRS = 200


@pytest.mark.parametrize(
    ("df", "expected"), [(1, 12.7062), (2.5, 3.5746), (4, 2.7764), (18, 2.1009), (1e9, 1.9600)]
)
def test_t_quantiles_are_those_of_the_tables(df: float, expected: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize("repeats", [5, 10])
def test_pairs_without_a_difference_show_none_95_times_in_100(repeats: int) -> None:
    chance = np.random.default_rng(3)
    found = [compared(*chance.normal(0, 0.02, (2, repeats))) for _ in range(PAIRS)]
    silent = sum(each.low <= 0 <= each.high for each in found)
    assert 0.92 <= silent / PAIRS <= 0.98


def test_a_loss_of_five_percent_is_found_with_ten_repeats() -> None:
    chance = np.random.default_rng(4)
    pairs = [chance.normal(0, 0.03, (2, 10)) for _ in range(PAIRS)]
    found = sum(compared(a + np.log(0.95), b).high < 0 for a, b in pairs)
    assert found / PAIRS >= 0.9


def test_what_is_promised_to_be_found_is_found_nine_times_in_ten() -> None:
    chance = np.random.default_rng(5)
    least = compared(*chance.normal(0, 0.02, (2, 4000))).least * np.sqrt(4000 / 10) * 1.03
    pairs = [chance.normal(0, 0.02, (2, 10)) for _ in range(PAIRS)]
    found = sum(compared(a + least, b).low > 0 for a, b in pairs)
    assert 0.86 <= found / PAIRS <= 0.95


def test_interleaved_repeats_that_drift_together_are_taken_as_pairs() -> None:
    chance = np.random.default_rng(6)
    drift = chance.normal(0, 0.1, 10)
    a, b = drift + chance.normal(-0.05, 0.01, 10), drift + chance.normal(0, 0.01, 10)
    assert compared(a, b, interleaved=True).high < 0 < compared(a, b).high


def test_prompts_that_react_alike_do_not_widen_the_interval() -> None:
    chance = np.random.default_rng(7)
    a, b = chance.normal(0, 0.02, (2, 10))
    alike = chance.normal(0, 0.1, (300, 1))
    moves = PromptDraws(np.repeat(alike, 10, 1), np.repeat(alike, 10, 1), 20)
    assert compared(a, b, moves)[:3] == pytest.approx(compared(a, b)[:3])


def test_prompts_that_react_differently_widen_the_interval() -> None:
    chance = np.random.default_rng(8)
    a, b = chance.normal(0, 0.02, (2, 10))
    moves = chance.normal(0, 0.05, (300, 1))
    draws = PromptDraws(np.repeat(moves, 10, 1), np.zeros((300, 10)), 20)
    assert compared(a, b, draws).error > 2 * compared(a, b).error


def test_noise_of_single_requests_is_not_counted_twice() -> None:
    chance = np.random.default_rng(9)
    a, b = chance.normal(0, 0.02, (2, 10))
    draws = PromptDraws(chance.normal(0, 0.02, (300, 10)), chance.normal(0, 0.02, (300, 10)), 20)
    assert compared(a, b, draws).error < 1.2 * compared(a, b).error


def test_values_that_never_vary_are_certain() -> None:
    found = compared(np.full(5, 2.0), np.full(5, 1.5))
    assert found[:4] == (0.5, 0.5, 0.5, 0.0)
    assert found.least == 0


@pytest.mark.parametrize("prompts", [20, 100])
def test_prompts_that_differ_by_chance_show_nothing(prompts: int) -> None:
    chance = np.random.default_rng(10)
    found = [paired(chance.choice([-1.0, 0, 1], prompts, p=[0.1, 0.8, 0.1])) for _ in range(PAIRS)]
    silent = sum(each.low <= 0 <= each.high for each in found)
    assert 0.92 <= silent / PAIRS <= 0.99


def test_a_few_prompts_in_one_direction_are_no_proof() -> None:
    found = paired(np.array([1.0] * 4 + [0.0] * 96))
    assert found.low <= 0 < found.value < found.high
    assert paired(np.array([1.0] * 12 + [0.0] * 88)).low > 0


def test_no_prompt_that_differs_is_no_certainty() -> None:
    found = paired(np.zeros(300))
    assert found.value == 0
    assert 0.003 < found.high < 0.01
    assert found.low == pytest.approx(-found.high, abs=0.004)


def test_a_difference_on_all_prompts_lies_in_its_interval() -> None:
    found = paired(np.ones(40))
    assert found.low < found.value == found.high == 1


def test_the_same_numbers_give_the_same_interval() -> None:
    a, b = np.random.default_rng(1).normal(0, 1, (2, 7))
    assert compared(a, b) == compared(a, b)
    assert resampling.DRAWS >= 2000
