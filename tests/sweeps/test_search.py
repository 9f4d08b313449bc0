"""A search over Optuna's own API, with runs that are made up."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus

from conftest import Done
from infra.errors import Refused
from infra.resources import machine

optuna = pytest.importorskip("optuna")
from infra.sweeps import search  # noqa: E402  # needs Optuna

SPACE = ["seed=1", "experts.active=interval(1,8)"]
BOTH = ["decode_tps", "peak_memory"]


def chosen(trial: Any) -> list[str]:
    return [f"experts.active={trial.suggest_int('experts.active', 1, 8)}"]


def ended(*values: float) -> JobReturn:
    return JobReturn(status=JobStatus.COMPLETED, _return_value=values or None)


def measured(jobs: list[list[str]], first: int) -> Sequence[JobReturn]:
    """Faster and larger with every expert less."""
    return [ended(10 - int(job[0][-1]), 100 + int(job[0][-1])) for job in jobs]


def states(study: Any) -> list[str]:
    return [trial.state.name for trial in study.trials]


@pytest.fixture(autouse=True)
def _runs(home: Path) -> None:
    (home / "runs").mkdir()


def test_each_metric_is_sought_on_its_better_side() -> None:
    study = search.opened(SPACE, BOTH, seed=0)
    assert [each.name for each in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    search.run(study, 12, 3, chosen, measured)
    assert states(study) == ["COMPLETE"] * 12
    fewest = min(trial.params["experts.active"] for trial in study.trials)
    assert {trial.params["experts.active"] for trial in study.best_trials} == {fewest}


@pytest.mark.parametrize(
    "job",
    [ended(), ended(math.nan, 1.0), JobReturn(status=JobStatus.FAILED, _return_value=OSError())],
)
def test_a_run_without_all_numbers_is_a_failed_trial_that_counts(job: JobReturn) -> None:
    study = search.opened(SPACE, BOTH, seed=0)
    search.run(study, 2, 1, chosen, lambda jobs, first: [job])
    assert states(study) == ["FAIL", "FAIL"]


def test_the_same_search_goes_on_and_runs_again_what_was_killed() -> None:
    def killed(jobs: list[list[str]], first: int) -> Sequence[JobReturn]:
        if first == 2:
            raise KeyboardInterrupt
        return measured(jobs, first)

    with pytest.raises(KeyboardInterrupt):
        search.run(search.opened(SPACE, BOTH, seed=0), 4, 1, chosen, killed)
    study = search.opened([*reversed(SPACE)], BOTH, seed=0)
    assert states(study) == ["COMPLETE", "COMPLETE", "FAIL"]
    search.run(study, 4, 1, chosen, measured)
    assert states(study) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


def test_a_search_that_goes_on_does_not_draw_its_first_trials_again() -> None:
    def drawn(trial: Any) -> list[str]:
        return [f"sampling.temperature={trial.suggest_float('sampling.temperature', 0, 1)}"]

    def done(jobs: list[list[str]], first: int) -> Sequence[JobReturn]:
        return [ended(1.0, 1.0) for _ in jobs]

    for trials in (2, 4, 6):
        search.run(search.opened(SPACE, BOTH, seed=0), trials, 1, drawn, done)
    study = search.opened(SPACE, BOTH, seed=0)
    assert len({trial.params["sampling.temperature"] for trial in study.trials}) == 6


def test_another_space_is_another_search() -> None:
    search.run(search.opened(SPACE, BOTH, seed=0), 1, 1, chosen, measured)
    assert not search.opened([*SPACE, "warmup=0"], BOTH, seed=0).trials
    assert not search.opened(SPACE, BOTH[:1], seed=0).trials


@pytest.mark.parametrize(
    ("objectives", "word"),
    [([], "decode_tps"), (["decode_tp"], "decode_tps"), (["cpu_percent"], "neither")],
)
def test_what_cannot_be_sought_is_refused(objectives: list[str], word: str) -> None:
    with pytest.raises(Refused, match=word):
        search.opened(SPACE, objectives, seed=0)


@pytest.mark.parametrize("arguments", [("warmup=0",), ("-m", "warmup=0,1")])
def test_objectives_without_a_search_are_refused(
    infra: Callable[..., Done], arguments: tuple[str, ...]
) -> None:
    done = infra(*arguments, "backend=echo", "tracking=none", "objectives=[decode_tps]")
    assert done.code == 2
    assert "objectives= is for a search" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hydra.sweeper.trials=0"], "hydra.sweeper.trials=0 must be at least 1"),
        (["hydra.sweeper.at_once=0"], "hydra.sweeper.at_once=0 must be at least 1"),
        (["hydra.sweeper.trial=1"], "Did you mean 'hydra.sweeper.trials'"),
        (["seed=interval(2,1)"], "seed=interval(2,1) cannot be searched: "),
        (["seed=glob(*)"], "seed=glob(*) cannot be searched: "),
    ],
)
def test_a_search_without_sense_is_one_sentence(
    infra: Callable[..., Done], arguments: list[str], said: str
) -> None:
    fixed = "backend=echo", "tracking=none", "objectives=[peak_memory]"
    done = infra("-m", "hydra/sweeper=optuna", *fixed, *arguments)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert said in done.err


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "versions", lambda names: {})
    with pytest.raises(Refused, match=r"infra\[optuna\]"):
        search.opened(SPACE, BOTH, seed=0)


def test_a_search_from_the_command_line(infra: Callable[..., Done]) -> None:
    command = (
        "-m", "hydra/sweeper=optuna", "hydra.sweeper.trials=2", "backend=echo", "tracking=none",
        "prompts.limit=1", "objectives=[peak_memory]", "sampling.max_tokens=int(interval(2,5))",
        "sampling.temperature=0,1",
    )  # fmt: skip
    done = infra(*command)
    assert done.code == 0, done.err
    *_, best, journal = done.out.splitlines()
    assert "peak_memory" in best
    assert journal.endswith("runs/search.journal")
    assert infra(*command).out.count("record.json") == 0, "all of it was done before"
