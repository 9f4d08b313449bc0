"""A run under way, as lines that are redrawn or said."""

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.text import Text

from infra.console.answers import shown_result
from infra.journal import State
from infra.plan import Plan
from infra.types import Result

#: characters of the running text that are kept in view
TAIL = 240
#: seconds between lines about a stage under way, where there is no terminal to redraw
PATIENCE = 30


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


def happening(result: Result) -> str:
    """A function that starts or has ended, in one line."""
    if result.end is None:
        return f"running {result.call}"
    return f"{result.call.name} {shown_result(result)} ({result.end - result.start:.2f} s)"
