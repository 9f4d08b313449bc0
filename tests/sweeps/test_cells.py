"""Which cells a sweep has, which of them run, and in which order."""

from dataclasses import replace

import pytest

from infra.plan import Load, Plan, PromptSet, Weights
from infra.resources import preflight
from infra.sweeps.cells import Cell, axes, loads, ordered, unfit

PLAN = Plan(
    Weights("m", "/m", "gguf", "d"),
    "echo",
    "stored",
    PromptSet("p", "d", 1),
    load=Load(threads=1),
    isolation="reuse",
)


def cells(repeats: int = 1) -> list[Cell]:
    """Two loads, written in turns: a 0, b 0, a 1, b 1, …, and their repeats."""
    return [
        Cell((), f"{quantization}{n}", replace(PLAN, quantization=quantization, repeat=repeat), "")
        for repeat in range(repeats)
        for n in range(3)
        for quantization in ("q4", "q2")
    ]


def labels(found: list[Cell]) -> list[str]:
    return [cell.label for cell in found]


def test_what_loads_the_same_runs_together() -> None:
    found = ordered(cells(), "load", 0)
    assert labels(found) == ["q40", "q41", "q42", "q20", "q21", "q22"]
    assert (loads(found), loads(cells())) == (2, 6)


def test_the_order_may_be_the_given_one() -> None:
    assert labels(ordered(cells(), "given", 0)) == labels(cells())


def test_repeats_are_interleaved_and_shuffled_by_the_seed() -> None:
    found = ordered(cells(4), "load", 7)
    rounds = [found[start : start + 6] for start in range(0, 24, 6)]
    assert [{cell.plan.repeat for cell in each} for each in rounds] == [{0}, {1}, {2}, {3}]
    assert all(sorted(labels(each)) == sorted(labels(rounds[0])) for each in rounds)
    assert len({tuple(labels(each)) for each in rounds}) > 1
    assert all(loads(each) == 2 for each in rounds)
    assert labels(found) == labels(ordered(cells(4), "load", 7))
    assert labels(found) != labels(ordered(cells(4), "load", 8))


def test_what_its_limit_cannot_hold_is_told_once_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(plan: Plan, prompts: object) -> preflight.Verdict:
        return preflight.Verdict({}, "too large" if plan.quantization == "q4" else None)

    monkeypatch.setattr(preflight, "judge", judge)
    limited = [replace(cell, plan=replace(cell.plan, memory=1)) for cell in cells()]
    [(cell, problem)] = unfit(limited)
    assert (cell.label, problem) == ("q40", "too large")
    assert list(unfit(cells())) == []
    warned = [replace(cell, plan=replace(cell.plan, preflight="warn")) for cell in limited]
    assert list(unfit(warned)) == []


def test_axes_are_the_keys_that_differ() -> None:
    combinations = [["a=1", "b=x", "c=1"], ["a=1", "b=y", "c=1"], ["a=2", "b=x", "c=1"]]
    assert axes(combinations) == ["a", "b"]
    assert axes([["a=1"]]) == []
