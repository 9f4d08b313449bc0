"""Sweeps as a user runs them: planned, loaded once, resumed, refused in part."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Done

Infra = Callable[..., Done]
ECHO = ("backend=echo", "tracking=none", "prompts.limit=2")
AXIS = "sampling.max_tokens=3,4,5"


def sweep(done: Done) -> dict[str, Any]:
    """The sweep.json whose path is the last line on stdout."""
    data: dict[str, Any] = json.loads(Path(done.out.strip().splitlines()[-1]).read_text())
    return data


def records(home: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in home.glob("runs/*/record.json")]
    return sorted(found, key=lambda record: record["started"])


def test_a_sweep_loads_once_and_says_so(infra: Infra, home: Path) -> None:
    done = infra(*ECHO, "-m", AXIS)
    assert done.code == 0, done.err
    first, *others = records(home)
    assert [r["plan"]["sampling"]["max_tokens"] for r in (first, *others)] == [3, 4, 5]
    assert [stage["name"] for stage in first["stages"]][:3] == ["import", "convert", "load"]
    assert {each["reused"] for each in others} == {
        next(home.glob("runs/*-*")).parent and name(home)
    }
    assert all("load" not in [stage["name"] for stage in each["stages"]] for each in others)
    assert sweep(done)["status"] == "FINISHED"
    assert sweep(done)["axes"] == ["sampling.max_tokens"]
    assert "3 runs: 3 to do, 1 load" in done.err


def name(home: Path) -> str:
    """The folder of the first run."""
    return min(path.parent.name for path in home.glob("runs/*/record.json"))


def test_isolation_fresh_loads_for_every_run(infra: Infra, home: Path) -> None:
    infra(*ECHO, "-m", AXIS, "isolation=fresh")
    assert all(each["stages"][0]["name"] == "import" for each in records(home))


def test_isolation_none_runs_in_this_process(infra: Infra) -> None:
    done = infra(*ECHO, "isolation=none")
    assert (done.code, done.record["status"]) == (0, "FINISHED"), done.err
    refused = infra(*ECHO, "isolation=none", "timeout=5")
    assert (refused.code, "leave out isolation=none" in refused.err) == (2, True)


def test_the_same_command_runs_only_what_is_missing(infra: Infra, home: Path) -> None:
    infra(*ECHO, "-m", "sampling.max_tokens=3,4")
    done = infra(*ECHO, "-m", AXIS)
    assert "3 runs: 1 to do, 1 load, 2 done before" in done.err
    assert "3 runs: 3 finished (2 of them before)." in done.err
    assert len(records(home)) == 3
    again = infra(*ECHO, "-m", AXIS)
    assert (again.code, len(records(home))) == (0, 3), again.err
    infra(*ECHO, "-m", AXIS, "fresh=true")
    assert len(records(home)) == 6


def test_a_single_run_always_runs(infra: Infra, home: Path) -> None:
    for _ in range(2):
        assert infra(*ECHO).code == 0
    assert len(records(home)) == 2


def test_repeats_are_runs_of_their_own(infra: Infra, home: Path) -> None:
    done = infra(*ECHO, "repeats=3")
    assert done.code == 0, done.err
    assert [each["plan"]["repeat"] for each in records(home)] == [0, 1, 2]
    assert len({each["identity"] for each in records(home)}) == 1
    infra(*ECHO, "repeats=5")
    assert sorted(each["plan"]["repeat"] for each in records(home)) == [0, 1, 2, 3, 4]


def test_what_cannot_run_is_listed_before_the_rest_runs(infra: Infra, home: Path) -> None:
    done = infra(*ECHO, "-m", "experts.active=99,null,98")
    assert done.code == 1
    listed = [line for line in done.err.splitlines() if line.startswith("  refused: ")]
    assert ["experts.active=99: experts.active=99 is out of range" in line for line in listed] == [
        True, False,
    ]  # fmt: skip
    assert sweep(done)["counts"]["refused"] == 2
    failed = [each for each in records(home) if each["status"] == "FAILED"]
    assert all(each["cause"].startswith("refused: experts.active=9") for each in failed)
    infra(*ECHO, "-m", "experts.active=99,null,98")
    assert len(records(home)) == 3  # told once


def test_a_sweep_of_which_nothing_can_run_is_refused(infra: Infra, home: Path) -> None:
    done = infra(*ECHO, "-m", "experts.active=98,99")
    assert (done.code, records(home)) == (2, [])
    assert done.err.count("is out of range") == 2
    assert not list(home.glob("runs/sweeps/*"))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (("-m", "repeats=1,2"), "repeats is about the sweep as a whole: give it one value."),
        (("repeats=0",), "repeats=0 must be at least 1."),
        (("-m", AXIS, "order=random"), "order=random is not known. Choices: given, load."),
        (("isolation=some",), "isolation=some is not known."),
        (("cache=hot",), "cache=hot is not known."),
        (("retries=-1",), "retries=-1 must be at least 0."),
        (("-m", "backend=echo,ecko"), "No backend is called 'ecko'. Did you mean 'echo'?"),
    ],
)
def test_wrong_words_are_refused(
    infra: Infra, home: Path, wrong: tuple[str, ...], sentence: str
) -> None:
    done = infra(*ECHO, *wrong)
    assert (done.code, records(home)) == (2, []), done.err
    assert sentence in done.err


def test_the_same_combination_twice_runs_once(infra: Infra, home: Path) -> None:
    done = infra(*ECHO, "-m", "sampling=greedy", "sampling.temperature=0,0.0")
    assert done.code == 0, done.err
    assert len(records(home)) == 1
    assert "1 double" in done.err
