"""What Hydra calls for each run, here or on a worker."""

import functools
import math
import time
from typing import TYPE_CHECKING, Any

from infra import experiment, planning, runs
from infra.conditions.cooldown import Cooldown
from infra.configuration import compose
from infra.configuration.schema import Config
from infra.console import Console
from infra.errors import Refused
from infra.experiment import Outcome
from infra.interrupts import Interrupts
from infra.isolate import Hosts
from infra.plan import Plan
from infra.plugins import registry
from infra.sweeps import closing
from infra.tracking import Outbox
from infra.types import Prompt, Record

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from infra.sweeps.progress import Progress

#: what is noted on runs that another sweeper than ours asks for
UNPLANNED = "hydra/sweeper={} asked for this run: order, reuse and resuming are off"
#: why a run or a sweep, neither of which is a search, is refused
UNSOUGHT = "objectives= is for a search: add -m hydra/sweeper=optuna, or leave it out."
#: seconds before a second attempt; doubled before each further one
BACK_OFF = 1.0


class Session:
    """What the runs of one process share."""

    def __init__(self) -> None:
        self.console, self.hosts, self.outbox = Console(), Hosts(), Outbox()
        self.console.out.needed = False  # all is in the record
        self.code = 0
        self.arguments: list[str] = []  #: as they were typed
        self.cooldown: Cooldown | None = None
        self.progress: Progress | None = None  #: of the sweep that this process leads

    def fail(self, code: int) -> None:
        """Make ``code`` the program's exit code, if it is worse than what there is."""
        self.code = max(self.code, code)

    def refused(self, sentence: str) -> None:
        """One run that cannot be; a sweep goes on."""
        self.console.say(f"infra: {sentence}")
        self.fail(Refused.exit_code)


@functools.cache
def session() -> Session:
    """The session of this process; a worker makes its own."""
    return Session()


def main(arguments: list[str]) -> int:
    """Compose, run, show; the last line on stdout is the path of the record, or of the sweep."""
    runs.ensure_root()
    found = session()
    found.arguments = arguments
    for problem in broken_plugins():
        found.console.warn(problem)
    runs.recover_all(found.console.say)
    closing.recover(found.console)
    try:
        compose.run(arguments, task)
    finally:
        found.hosts.close()
    return found.code


def broken_plugins() -> list[str]:
    """A sentence for each plugin that could not be imported, or not be asked what it offers."""
    plugins = registry()
    assert plugins.offers  # asked for, as some break only then
    return [
        f"plugin {each.file} could not be imported: {each.error}"
        for each in plugins.found
        if each.error
    ]


def task(config: "DictConfig") -> Any:
    """One run of the command line or of a sweep.

    Returns:
        The path of its record, for a search its objectives; ``None`` if it cannot be.

    Raises:
        KeyboardInterrupt: somebody asked to stop.
    """
    try:
        outcome, wanted = _run(config)
    except Refused as error:
        session().refused(str(error))
        return None
    if outcome.interrupted:
        raise KeyboardInterrupt
    return _objectives(wanted, outcome.record) if wanted else str(outcome.path)


def _run(composed: "DictConfig") -> tuple[Outcome, list[str]]:
    from hydra.core.hydra_config import HydraConfig  # noqa: PLC0415  # Hydra costs 0.3 s
    from hydra.types import RunMode  # noqa: PLC0415  # as above

    hydra, remarks = HydraConfig.get(), broken_plugins()
    compose.check_hydra(hydra)
    config = compose.typed(composed)
    session().console.quiet = bool(config.sweep) and not session().progress
    if config.objectives and hydra.mode == RunMode.RUN:
        raise Refused(UNSOUGHT)
    if hydra.mode == RunMode.MULTIRUN and not config.sweep:
        config.isolation = "fresh"
        remarks.append(UNPLANNED.format(hydra.runtime.choices["hydra/sweeper"]))
    outcome = _planned(config, remarks)
    show(outcome)
    return outcome, config.objectives


def _planned(config: Config, remarks: list[str]) -> Outcome:
    try:
        plan, prompts = planning.build(config, registry())
    except Refused as error:
        if not config.sweep:
            raise
        here = session()
        return experiment.refuse(planning.sketch(config), str(error), here.console, here.outbox)
    return carried_out(plan, prompts, config, remarks)


def carried_out(plan: Plan, prompts: list[Prompt], config: Config, remarks: list[str]) -> Outcome:
    """Run ``plan`` with the pauses and the further attempts that ``config`` asks for."""
    if config.cooldown:
        remarks += _cooled(config.cooldown)
    return _attempted(plan, prompts, config.retries, remarks)


def _cooled(cooldown: str) -> list[str]:
    """Wait between two runs; what is to be said of it."""
    here = session()
    here.cooldown = here.cooldown or Cooldown.parse(cooldown)
    with Interrupts() as interrupts, interrupts.allowed():
        said = here.cooldown.wait(here.console.say)
    return [said] if said else []


def _objectives(names: list[str], record: Record) -> tuple[float, ...]:
    """What a search is told; a metric that the run lacks is not a number."""
    found = record.metrics
    return tuple(float(found[name]["value"]) if name in found else math.nan for name in names)


def _attempted(plan: Plan, prompts: list[Prompt], retries: int, remarks: list[str]) -> Outcome:
    """The last attempt; each one leaves a record."""
    here = session()
    for attempt in range(retries + 1):
        outcome = experiment.execute(
            plan, prompts, here.console, here.hosts, here.outbox, remarks=tuple(remarks)
        )
        if not outcome.crashed or outcome.interrupted or attempt == retries:
            break
        pause = BACK_OFF * 2**attempt
        again = f"attempt {attempt + 2} of {retries + 1}"
        remarks.append(f"{again}, after {outcome.path.parent.name}: {outcome.record.cause}")
        here.console.say(f"infra: {outcome.record.cause}; {again} in {pause:g} s")
        with Interrupts() as interrupts, interrupts.allowed():
            time.sleep(pause)
    return outcome


def show(outcome: Outcome) -> None:
    """A run's row in its sweep, or all of it."""
    here, record = session(), outcome.record
    if record.status == "FAILED":
        here.fail(1)
    if here.progress:
        here.progress.add(outcome)
    elif not here.console.quiet:
        _show_alone(outcome)


def _show_alone(outcome: Outcome) -> None:
    here, record = session(), outcome.record
    here.console.finish(record)
    if record.cause:
        here.console.say(f"infra: {record.status}: {record.cause}")
    here.console.path(outcome.path)
