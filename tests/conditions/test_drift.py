"""Drift: found where there is one, and seldom where there is none."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from infra.answers.selection import Row
from infra.conditions import drift
from infra.types import Generation, Prompt


def noisy(n: int, noise: float, slope: float, seed: int) -> list[float]:
    """``n`` speeds that fall by ``slope`` from the first to the last."""
    chance = random.Random(seed)
    return [chance.gauss(100, 100 * noise) * (1 - slope * i / n) for i in range(n)]


@pytest.mark.parametrize("n", [15, 18, 30, 90])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.2])
def test_chance_alone_is_told_seldom(n: int, noise: float) -> None:
    told = sum(drift.change(noisy(n, noise, 0, seed)) is not None for seed in range(1000))
    assert told <= 25  # 10 expected; 25 is beyond 4 standard deviations


@pytest.mark.parametrize("slope", [0.2, -0.2])
def test_a_drift_is_told_with_its_size(slope: float) -> None:
    found = drift.change(noisy(30, 0.02, slope, 0))
    assert found
    assert found.last / found.first == pytest.approx(1 - slope * 2 / 3, abs=0.05)


def test_small_and_few_are_not_told() -> None:
    assert drift.change([100.0] * 10 + [98.0] * 10 + [96.0] * 10) is None
    assert drift.change([100.0] * 7 + [50.0] * 7) is None
    assert drift.change([]) is None


def request(speed: float, tokens: int = 11, prompt: int = 50) -> Generation:
    times = tuple(i / speed for i in range(tokens))
    asked = Prompt("p", ({"role": "user", "content": "x"},))
    return Generation(0, asked, 0, prompt, "", prompt, 0, tuple(range(tokens)), times)


def test_a_run_that_slows_down_is_told() -> None:
    speeds = [50.0 + i / 10 for i in range(10)] + [40.0 + i / 10 for i in range(10)]
    sentence = drift.in_run([request(speed) for speed in speeds])
    assert sentence == (
        "decoding went from 50.2 to 40.7 tokens/s within the run (-19 %), medians of the first "
        "and last third of 20 requests"
    )


def test_long_prompts_at_the_end_are_no_drift() -> None:
    short = [request(50 + i / 10) for i in range(20)]
    long = [request(30, prompt=900) for _ in range(9)]
    assert drift.in_run(short + long) is None


def test_requests_without_times_are_left_out() -> None:
    cut = replace(request(1), times=(), ids=())
    assert drift.in_run([cut] * 40) is None
    assert drift.in_run([request(5, tokens=2)] * 40) is None
    assert drift.in_run([]) is None


def row(identity: str, started: float, speed: float | None) -> Row:
    metrics = {} if speed is None else {"decode_tps": {"value": speed}}
    data = {"identity": identity, "started": started, "metrics": metrics}
    return Row(Path(f"{started}"), data, {})


def test_a_sweep_that_slows_down_is_told_whatever_its_cells_are_worth() -> None:
    """Two cells in turn, one ten times as fast: only their own change counts."""
    speeds = {"a": 500.0, "b": 50.0}
    rows = [row("ab"[i % 2], i, speeds["ab"[i % 2]] * (1 - i / 100)) for i in range(20)]
    random.Random(0).shuffle(rows)
    assert drift.drift(rows) == (
        "decoding drifted by -14 % from the first to the last third of 20 repeated runs"
    )


def test_runs_without_repeats_or_speed_say_nothing() -> None:
    assert drift.drift([row(str(i), i, 100 - i) for i in range(30)]) is None
    assert drift.drift([row("a", i, None) for i in range(30)]) is None
    assert drift.drift([]) is None
