"""A sweep as people see it: what will run, a row a run, and how long the rest may take."""

import time
from collections.abc import Sequence

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.console import Console, counted, value
from infra.experiment import Outcome
from infra.sweeps.cells import DONE, DOUBLE, REFUSED, Cell, loads, unfit

#: metrics of a row, where a run has them
METRICS = ("decode_tps", "tool_call_exact", "bfcl_correct", "peak_memory")
SIGN = {"FINISHED": ("✓", "green"), "FAILED": ("✗", "red"), "KILLED": ("■", "yellow")}
#: a run whose record has flags
FLAG = "⚑"
#: combinations listed one by one before a sweep
MOST = 20
#: characters of the bar
BAR = 30


class Progress:
    """Says what will run, then a row for each run that has ended; itself a bar, for the time
    between."""

    def __init__(self, cells: Sequence[Cell], waiting: Sequence[Cell], console: Console) -> None:
        self.waiting, self.console = list(waiting), console
        self.done, self.started = 0, time.monotonic()
        self._flags: list[str] = []  #: the first of each run that has some
        self._width = max((len(cell.name) for cell in waiting), default=0)
        self._plan(cells)
        console.below = self

    def add(self, outcome: Outcome) -> None:
        """The row of a run that has ended."""
        self.done += 1
        record = outcome.record
        sign, style = SIGN[record.status]
        number = f"{self.done}/{len(self.waiting)}".rjust(2 * len(str(len(self.waiting))) + 1)
        cells = [sign, number, self._name(outcome).ljust(self._width), *_numbers(outcome)]
        cells += [FLAG] if record.flags else []
        self.console.out.print(Text("  ".join(cells).rstrip(), style), soft_wrap=True)
        if record.cause:
            self.console.out.print(Text(f"   {record.cause}", style), soft_wrap=True)
        self._flags += record.flags[:1]

    def close(self) -> None:
        """No bar any more; how many runs were disturbed."""
        self.console.below = None
        if self._flags:
            share = f"{len(self._flags)} of {counted(self.done, 'run')}"
            self.console.warn(f"disturbed ({FLAG}): {share}, such as: {self._flags[-1]}")

    @property
    def left(self) -> str:
        """How long the rest takes, if it goes on as it went so far."""
        rest = len(self.waiting) - self.done
        if not (self.done and rest):
            return ""
        return f"about {duration((time.monotonic() - self.started) / self.done * rest)} left"

    def __rich__(self) -> Table:
        total = len(self.waiting)
        bar = Table.grid(padding=(0, 2))
        bar.add_row(ProgressBar(total, self.done, BAR), f"{self.done}/{total}", self.left)
        return bar

    def _name(self, outcome: Outcome) -> str:
        plan = outcome.record.plan
        key = plan["cell"] or outcome.record.identity, plan["repeat"]
        found = (cell.name for cell in self.waiting if cell.key == key)
        return next(found, outcome.path.parent.name)

    def _plan(self, cells: Sequence[Cell]) -> None:
        states = [cell.state for cell in cells]
        say = self.console.say
        parts = [f"{len(self.waiting)} to do", counted(loads(self.waiting), "load")]
        parts += [f"{n} {state}" for state in (DONE, DOUBLE, REFUSED) if (n := states.count(state))]
        say(f"{counted(len(cells), 'run')}: {', '.join(parts)}")
        for cell in cells:
            if cell.state == REFUSED:
                say(f"  refused: {cell.name}: {cell.cause}")
        for cell, problem in unfit(self.waiting):
            say(f"  will be refused: {cell.name}: {problem}")
        for cell in self.waiting[:MOST]:
            say(f"  {cell.name}")
        if (rest := len(self.waiting) - MOST) > 0:
            say(f"  … {rest} more")


def _numbers(outcome: Outcome) -> list[str]:
    found = outcome.record.metrics
    return [f"{name} {value(found[name])}" for name in METRICS if name in found]


def duration(seconds: float) -> str:
    """
    >>> duration(42), duration(600), duration(7200)
    ('42 s', '10 min', '2.0 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
