"""What people see: live lines on stderr while a run works, tables on stdout when it is done."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby, zip_longest
from pathlib import Path

import rich.box
from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from infra import tables
from infra.experts import heatmap
from infra.journal import State
from infra.plan import Plan
from infra.types import Expected, Generation, Json, Prompt, Record, Result, Routing

#: prompts shown one by one at the end; more are counted
MOST_PROMPTS = 12
#: columns of a table that goes into a file or a pipe
WIDE = 200
#: characters of the running text that are kept in view
TAIL = 240
#: characters of a call's result
RESULT = 200
#: columns of a picture of experts
HEAT = 100
#: seconds between lines about a stage under way, where there is no terminal to redraw
PATIENCE = 30
MARK = {True: "[green]✓[/]", False: "[red]✗[/]", None: " "}


class Stream(RichConsole):
    """A stream whose reader may leave: what is still written then goes nowhere."""

    needed = True  #: whether a full disk is an error, or what is still written goes nowhere too
    lost: str | None = None  #: why it went nowhere

    def on_broken_pipe(self) -> None:
        self.file = Path(os.devnull).open("w")  # noqa: SIM115  # it lives as long as the process

    def _check_buffer(self) -> None:  # where rich itself looks for a broken pipe
        try:
            super()._check_buffer()
        except OSError as error:
            if self.needed:
                raise
            self.lost = error.strerror
            self.on_broken_pipe()


class Console:
    """The two streams of one command."""

    def __init__(self) -> None:
        self.err = Stream(stderr=True, highlight=False, markup=False)
        self.err.needed = False
        width = None if sys.stdout.isatty() else WIDE
        self.out = Stream(highlight=False, markup=False, width=width)
        self.below: RenderableType | None = None  #: shown under the view of a run: a sweep's bar
        self.quiet = False  #: a worker's, whose runs are shown by the process that leads the sweep

    def warn(self, problem: str | None) -> None:
        """Show a warning; ``None`` is none."""
        if problem:
            self.err.print(Text(f"warning: {problem}", style="yellow"), soft_wrap=True)

    def say(self, text: str) -> None:
        """One plain line for people."""
        self.err.print(Text(text), soft_wrap=True)

    def path(self, path: Path) -> None:
        """The last line for programs; said to people where no program can read it."""
        self.out.print(str(path), soft_wrap=True)
        if self.out.lost:
            self.warn(f"standard output cannot be written ({self.out.lost}): the record is {path}")

    @contextmanager
    def live(self, plan: Plan) -> Iterator["View"]:
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


class View:
    """The running state as lines; ``show`` takes in what the parent has just read.

    What cannot wait to be redrawn is said: functions that run and, without a terminal, stages.
    """

    def __init__(
        self,
        plan: Plan,
        say: Callable[[str], None],
        redrawn: bool,
        below: RenderableType | None = None,
    ) -> None:
        self.plan, self.text = plan, ""
        self.say, self.redrawn, self.below = say, redrawn, below
        self.state: State | None = None
        self.sample: dict[str, float] = {}
        self._told = 0
        self._said = 0.0

    def show(self, state: State, sample: dict[str, float]) -> None:
        self.state, self.sample = state, sample or self.sample
        self.text = (self.text + state.taken_text())[-TAIL:]
        for event in state.happened[self._told :]:
            if isinstance(event, Result):
                self.say(happening(event))
            elif not self.redrawn and self.below is None:
                self.say(f"{event.name:<10} {event.seconds:8.2f} s")
        self._told = len(state.happened)
        if not self.redrawn:
            self._say_rates()

    def _say_rates(self) -> None:
        now = self.sample.get("t", 0.0)
        if self.state and self.state.stage == "generate" and now - self._said >= PATIENCE:
            self.say(f"{'generate':<10} {self._rates()}")
            self._said = now

    def __rich__(self) -> RenderableType:
        if self.state is None:
            return Text("starting")
        lines = [Text(f"✓ {s.name:<9}{s.seconds:8.2f} s", "green") for s in self.state.stages]
        if not self.state.done:
            lines.append(Text(f"… {self.state.stage:<9} {self._rates()}", "bold"))
        running = Text(self.text.replace("\n", " "), "dim")
        return Group(*lines, running, *([self.below] if self.below else []))

    def _rates(self) -> str:
        done = self.state.generations[-1].index + 1 if self.state and self.state.generations else 0
        parts = [f"prompt {done}/{self.plan.prompts.count}"] if done else []
        started = [s.end for s in self.state.stages] if self.state else []
        seconds = self.sample.get("t", 0) - max(started, default=0)
        if (tokens := self.sample.get("tokens", 0)) and seconds > 0:
            parts.append(f"{tokens / seconds:.1f} tok/s")
        if "rss" in self.sample:
            parts.append(f"{self.sample['rss'] / 1e6:.0f} MB")
        return "  ".join(parts)


def answers(record: Record) -> Tree:
    """Each prompt with its answers, its calls and their results, and ✓ or ✗ where something was
    expected."""
    prompts = [list(rounds) for _, rounds in groupby(record.generations, lambda each: each.index)]
    tree = Tree(Text(f"{len(prompts)} prompt{'s' * (len(prompts) != 1)}", style="bold"))
    for rounds in prompts[:MOST_PROMPTS]:
        _add(tree, rounds)
    if (rest := len(prompts) - MOST_PROMPTS) > 0:
        tree.add(f"… {rest} more in generations.jsonl")
    return tree


def _add(tree: Tree, rounds: list[Generation]) -> None:
    each = rounds[-1]
    question = str(rounds[0].prompt.messages[-1].get("content"))
    branch = tree.add(Text.from_markup(mark(each)) + Text(f" {question}"))
    for answer in rounds:
        _add_answer(branch, answer)
    words = set(each.outcomes.values())
    if each.exact is False or words - {"ok"}:
        branch.add(Text(f"expected: {shown_expected(each.prompt)}", "red"))
    if words - {"ok"}:
        told = [f"{judge}: {word}" for judge, word in each.outcomes.items()]
        branch.add(Text(", ".join(told if len(words) > 1 else words), "red"))


def _add_answer(branch: Tree, each: Generation) -> None:
    reply, made = each.reply, [result.call for result in each.results]
    if reply is None or not (reply.calls or reply.content):
        branch.add(Text(each.text.strip() or f"({each.finish})", "dim"))
    elif reply.content:
        branch.add(Text(reply.content.strip(), "dim"))
    for call, result in zip_longest(reply.calls if reply else made, each.results):
        leaf = branch.add(Text(str(call), "cyan"))
        if result:
            leaf.add(Text(shown_result(result), "red" if result.error else "dim"))


def mark(each: Generation) -> str:
    """✓ or ✗, yellow where judges let pass what is not exactly what was expected."""
    right = all(word == "ok" for word in each.outcomes.values()) if each.outcomes else None
    if each.exact is False and right:
        return "[yellow]✓[/]"
    return MARK[right if each.exact is None else each.exact]


def happening(result: Result) -> str:
    """A function that starts or has ended, in one line."""
    if result.end is None:
        return f"running {result.call}"
    return f"{result.call.name} {shown_result(result)} ({result.end - result.start:.2f} s)"


def shown_result(result: Result) -> str:
    """What a call was answered with, its end left out where it is long."""
    text = str(result)
    return f"→ {text if len(text) <= RESULT else text[:RESULT] + ' …'}"


def shown_expected(prompt: Prompt) -> str:
    """The expected calls as a person would write them, with what else is acceptable."""
    if isinstance(prompt.expected, str):
        return "a call"
    return ", ".join(map(_shown_choices, prompt.expected or ())) or "no call"


def _shown_choices(call: Expected) -> str:
    fixed = [f"{key}={value!r}" for key, value in call.arguments.items()]
    free = [f"{key}={'|'.join(map(repr, values))}" for key, values in call.acceptable.items()]
    return f"{call.name}({', '.join([*fixed, *free])})"


def routed(routing: Routing, width: int) -> Text:
    """How many tokens each expert got, as blocks: layers down, experts across."""
    title = f"\nexperts used by {routing.tokens} tokens of {routing.phase}, layers down\n"
    lines = heatmap.blocks(routing, min(width, HEAT) - 2)
    return Text(title, "dim") + Text("\n".join(f"▏{line}▕" for line in lines))


def summary(record: Record) -> list[list[str]]:
    """The run's metrics below a header, percentiles of one quantity in one row."""
    rows = [["metric", "value or p50", "p95", "p99", "n"]]
    for name, measure in record.metrics.items():
        stem, _, percentile = name.rpartition("_p")
        if percentile == "50":
            cells = [value(record.metrics.get(f"{stem}_p{p}")) for p in (50, 95, 99)]
            rows.append([stem, *cells, str(measure["n"])])
        elif not percentile.isdigit():
            rows.append([name, with_interval(measure), "", "", str(measure["n"])])
    return rows


def lined(rows: list[list[str]]) -> Table:
    """A table with a line below its header and numbers at the right."""
    table = Table(box=rich.box.SIMPLE)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == rows[0][0] else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def value(measure: Json) -> str:
    """A measure from a record as people read it; nothing for one that is missing."""
    return shown(measure["value"], measure["unit"]) if measure else ""


def with_interval(measure: Json) -> str:
    """A measure as people read it, and where it lies with 95 % confidence if it says so."""
    if "low" not in measure:
        return value(measure)
    low, high = (shown(measure[key], measure["unit"]) for key in ("low", "high"))
    return f"{value(measure)} [{low}, {high}]"


def title(record: Record) -> Text:
    """What was run, in one line."""
    plan, facts = record.plan, record.facts
    parts = [plan["backend"], plan["quantization"]]
    if facts:
        parts += [f"K={facts.effective_k}/{facts.experts}"] if facts.experts else []
        parts += [f"{facts.bits_per_weight:.1f} bits", facts.dtype, facts.device]
    state = "" if record.status == "FINISHED" else f"{record.status} "
    name = Text(plan["model"]["name"], style="bold")
    return Text(state, style="red") + name + Text(" · " + " · ".join(parts), style="not bold")


def shown(value: Json, unit: str) -> str:
    """A number with its unit, in the size people read."""
    if unit == "bytes":
        return f"{value / 1e6:,.1f} MB"
    if unit == "share":
        return f"{value:.1%}"
    if unit == "s":
        return f"{value * 1000:,.1f} ms" if abs(value) < 1 else f"{value:,.2f} s"
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{number} {unit}".strip()
