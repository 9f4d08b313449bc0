"""A sweep from its combinations to its last record: planned, launched, counted, closed."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from infra import experiment, runs, tracking
from infra.conditions.cooldown import Cooldown
from infra.configuration.schema import Config
from infra.errors import Refused
from infra.interrupts import Interrupts
from infra.job import UNSOUGHT, broken_plugins, carried_out, session, show
from infra.plan import Tracking, digest
from infra.sweeps import cells as planning
from infra.sweeps import closing, workers
from infra.sweeps import folder as sweeps
from infra.sweeps.cells import REFUSED, RUN, Cell
from infra.sweeps.progress import Progress
from infra.types import Json

#: seconds that a finished run waits at most until it is published with others
PATIENCE = 60.0
#: what a launcher does with the overrides of all runs
Launch = Callable[[list[list[str]]], Any]


def run(combinations: Sequence[tuple[Sequence[str], Config]], launch: Launch | None = None) -> None:
    """Run what is not finished yet; the last line on stdout is the path of sweep.json.

    Args:
        launch: runs them in other processes; without it they run in this one.

    Raises:
        Refused: none of the combinations can run.
        KeyboardInterrupt: somebody asked to stop; all that is finished is kept.
    """
    configs = [config for _, config in combinations]
    first = check(configs)
    cells = planning.planned(combinations)
    _check_any(cells)
    folder = sweeps.create(digest([cell.identity for cell in cells]))
    with sweeps.held(folder):
        Sweep(folder, first, cells, launch).run()


def check(configs: Sequence[Config]) -> Config:
    """What holds for a whole sweep, from its first configuration.

    Raises:
        Refused: a key that is about the sweep is swept, or has no sense.
    """
    first = configs[0]
    for key in ("repeats", "order", "fresh", "cooldown", "retries", "tracking"):
        if any(getattr(config, key) != getattr(first, key) for config in configs):
            raise Refused(f"{key} is about the sweep as a whole: give it one value.")
    if first.repeats < 1:
        raise Refused(f"repeats={first.repeats} must be at least 1.")
    if first.cooldown:
        Cooldown.parse(first.cooldown)
    if first.objectives:
        raise Refused(UNSOUGHT)
    return first


def _check_any(cells: list[Cell]) -> None:
    refused = [cell for cell in cells if cell.state == REFUSED]
    if len(refused) == len(cells):
        causes = list(dict.fromkeys(str(cell.cause) for cell in refused))
        raise Refused(causes[0] if len(causes) == 1 else "None can run:\n" + _listed(refused))


def _listed(refused: Sequence[Cell]) -> str:
    return "\n".join(f"  {cell.name}: {cell.cause}" for cell in refused)


class Sweep:
    """One sweep under way."""

    def __init__(
        self, folder: Path, config: Config, cells: list[Cell], launch: Launch | None
    ) -> None:
        self.folder, self.config, self.cells, self.launch = folder, config, cells, launch
        self.tracking = Tracking(**vars(config.tracking))
        waiting = [cell for cell in cells if cell.state == RUN]
        self.waiting = planning.ordered(waiting, config.order, config.seed)

    def run(self) -> None:
        """All that is to be run; closed whatever happens."""
        here, data = session(), self.data()
        sweeps.write(self.folder, data)
        here.progress = Progress(self.cells, self.waiting, here.console)
        here.outbox = tracking.Outbox(
            PATIENCE, lambda *_: tracking.open_sweep(self.folder, data, self.tracking)
        )
        with Interrupts() as interrupts:
            try:
                self.refuse()
                if self.launch and self.waiting:
                    here.console.warn(here.outbox.meanwhile(self.tracking, runs.root()))
                    with interrupts.allowed():
                        self.run_elsewhere(self.launch)
                else:
                    self.run_here(interrupts)
            except KeyboardInterrupt:
                typed = shlex.join(["python", "-m", "infra", *here.arguments])
                here.console.say(f"infra: to go on where this stopped: {typed}")
                raise
            finally:
                self.close()

    def run_here(self, interrupts: Interrupts) -> None:
        """One after the other, as they were planned.

        Raises:
            KeyboardInterrupt: somebody asked to stop.
        """
        for cell in self.waiting:
            with interrupts.allowed():
                pass  # only here and where a run allows it: half an import spoils what comes after
            plan = replace(cell.plan, sweep=self.folder.name, cell=cell.identity)
            outcome = carried_out(plan, cell.prompts, self.config, broken_plugins())
            show(outcome)
            if outcome.interrupted:
                raise KeyboardInterrupt

    def run_elsewhere(self, launch: Launch) -> None:
        """As the launcher does it; rows appear as their records do."""
        here = session()
        assert here.progress
        with workers.followed(self.folder.name, here.progress, here.console):
            launch([self.overrides(cell) for cell in self.waiting])

    def close(self) -> None:
        """End what is kept, then count and publish; the last line on stdout is sweep.json's."""
        here = session()
        here.hosts.close()
        if here.progress:
            here.progress.close()
        here.progress = None
        here.console.warn(here.outbox.meanwhile(self.tracking, runs.root()))
        status = closing.close(self.folder, here.console, told=here.outbox.failed)
        if status != "FINISHED":
            here.fail(1)
        here.console.out.print(str(self.folder / sweeps.SWEEP), soft_wrap=True)

    def data(self) -> dict[str, Json]:
        """What sweep.json holds until the sweep is closed."""
        return {
            "name": self.config.name,
            "command": session().arguments,
            "started": time.time(),
            "ended": None,
            "status": "RUNNING",
            "repeats": self.config.repeats,
            "seed": self.config.seed,
            "order": self.config.order,
            "tracking": asdict(self.tracking),
            "axes": planning.axes([cell.overrides for cell in self.cells]),
            "cells": [cell.to_json() for cell in self.cells],
            "counts": None,
        }

    def overrides(self, cell: Cell) -> list[str]:
        """The cell as a launcher is told it."""
        own = f'sweep="{self.folder.name}"', f'cell="{cell.identity}"'
        return [*cell.overrides, f"repeat={cell.plan.repeat}", *own]

    def refuse(self) -> None:
        """A record for each combination that cannot run, but for those that have one."""
        here = session()
        for cell in planning.unrecorded(self.cells):
            plan = replace(cell.plan, sweep=self.folder.name)
            experiment.refuse(plan, str(cell.cause), here.console, here.outbox)
