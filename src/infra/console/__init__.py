"""What people see: live lines on stderr while a run works, tables on stdout when it is done."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from infra import tables
from infra.console.answers import answers
from infra.console.live import View
from infra.console.numbers import counted, lined, routed, shown, summary, title, value
from infra.console.streams import Stream
from infra.plan import Plan
from infra.types import Record

__all__ = ["Console", "View", "counted", "shown", "value"]

#: columns of a table that goes into a file or a pipe
WIDE = 200


class Console:
    """The two streams of one command."""

    def __init__(self) -> None:
        self.err = Stream(stderr=True, highlight=False, markup=False)
        self.err.needed = False
        width = None if sys.stdout.isatty() else WIDE
        self.out = Stream(highlight=False, markup=False, width=width)
        self.below: RenderableType | None = None  #: shown under the view of a run: a sweep's bar
        self._warned = ""  #: the last warning
        self.quiet = False  #: a worker's, whose runs are shown by the process that leads the sweep

    def warn(self, problem: str | None) -> None:
        """Show a warning, once where it comes again at once; ``None`` is none."""
        if problem and problem != self._warned:
            self.err.print(Text(f"warning: {problem}", style="yellow"), soft_wrap=True)
        self._warned = problem or self._warned

    def say(self, text: str) -> None:
        """One plain line for people."""
        self.err.print(Text(text), soft_wrap=True)

    def path(self, path: Path) -> None:
        """The last line for programs; said to people where no program can read it."""
        self.out.print(str(path), soft_wrap=True)
        if self.out.lost:
            self.warn(f"standard output cannot be written ({self.out.lost}): the record is {path}")

    @contextmanager
    def live(self, plan: Plan) -> Iterator[View]:
        """A view of a run: redrawn in place on a terminal, else one line a stage."""
        say = (lambda _: None) if self.quiet else self.say
        redrawn = self.err.is_terminal and not self.quiet
        view = View(plan, say, redrawn, self.below)
        if not view.redrawn:
            yield view
            return
        with Live(view, console=self.err, refresh_per_second=4, transient=True):
            yield view

    def finish(self, record: Record) -> None:
        """The answers as a tree and the run's numbers as a table."""
        self.out.print(answers(record))
        self.out.print(Text("\n") + title(record))
        rows = summary(record)
        fits = tables.natural(rows) + 2 <= self.out.width
        for part in [lined(rows)] if fits else tables.stacked(rows, self.out.width):
            self.out.print(part)
        for phase in record.routing[-1:]:  # decode, where there is any
            self.out.print(routed(phase, self.out.width))
        for note in record.notes:
            self.say(f"note: {note}")
