"""A search with Optuna: it proposes combinations, and is told the objectives of their runs. All
searches are kept in one file of the runs/ folder, so that the same command goes on with its own."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.utils import JobReturn, JobStatus

from infra import runs
from infra.errors import Refused
from infra.job import session
from infra.plan import digest
from infra.plugins import registry
from infra.resources import machine

if TYPE_CHECKING:
    from optuna import Study, Trial

JOURNAL = "search.journal"
#: mark of a trial whose run has ended, well or not; a killed search leaves trials without it
ENDED = "ended"


def opened(space: Sequence[str], objectives: list[str], seed: int) -> "Study":
    """The search of these overrides and metrics, with all of its earlier trials.

    Raises:
        Refused: Optuna is missing, there are no objectives, or one of them is no metric that has a
            better side.
    """
    if not machine.versions(("optuna",)):
        raise Refused("hydra/sweeper=optuna needs optuna: pip install 'infra[optuna]'")
    if not objectives:
        raise Refused("A search needs metrics: objectives=[decode_tps,tool_call_exact]")
    directions = [direction(name) for name in objectives]
    import optuna  # noqa: PLC0415  # heavy
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415  # heavy

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=digest([objectives, sorted(space)]),
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(runs.root() / JOURNAL))),
        directions=directions,
        load_if_exists=True,
    )
    # a search that goes on with the seed it began with would draw its first trials again
    study.sampler = optuna.samplers.TPESampler(seed=(seed + len(study.trials)) % 2**32)
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def direction(metric: str) -> Literal["maximize", "minimize"]:
    """What is better of a metric.

    Raises:
        Refused: there is no such metric, or neither more nor less of it is better.
    """
    better = registry().get("infra_metrics", metric).better
    if better == "neither":
        raise Refused(f"objectives={metric}: neither more nor less of it is better.")
    return "maximize" if better == "higher" else "minimize"


def run(
    study: "Study",
    trials: int,
    at_once: int,
    chosen: Callable[["Trial"], list[str]],
    launch: Callable[[list[list[str]], int], Sequence[JobReturn]],
) -> None:
    """Run until ``trials`` have ended, ``at_once`` together."""
    while (left := trials - sum(ENDED in trial.user_attrs for trial in study.trials)) > 0:
        asked = [study.ask() for _ in range(min(left, at_once))]
        for trial, job in zip(
            asked, launch([chosen(trial) for trial in asked], asked[0].number), strict=True
        ):
            tell(study, trial, numbers(job))


def tell(study: "Study", trial: "Trial", values: Sequence[float] | None) -> None:
    """End a trial; without values it failed."""
    from optuna.trial import TrialState  # noqa: PLC0415  # heavy

    trial.set_user_attr(ENDED, True)
    study.tell(trial, values, None if values else TrialState.FAIL)


def numbers(job: JobReturn) -> Sequence[float] | None:
    """The objectives of a run, if it has them all."""
    found: Any = job.return_value if job.status == JobStatus.COMPLETED else None
    return found if found and all(isfinite(each) for each in found) else None


def show(study: "Study", objectives: list[str]) -> None:
    """The trials that no other beats in all objectives; the last line is the search's file."""
    out = session().console.out
    for trial in study.best_trials:
        choices = [f"{key}={value}" for key, value in trial.params.items()]
        values = [f"{n} {v:.4g}" for n, v in zip(objectives, trial.values, strict=True)]
        out.print("  ".join([*choices, *values]), soft_wrap=True)
    out.print(str(runs.root() / JOURNAL), soft_wrap=True)
