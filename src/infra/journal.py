"""The journal of a run: one line an event, enough to write the record if either side dies.

The child appends with one system call a line (about 2 µs); the parent reads what is new. A line is
a JSON list: ``["token", ...]`` or ``[event, {...}]``.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from infra.types import (
    Call,
    Facts,
    Generation,
    Json,
    Message,
    Prompt,
    Reply,
    Result,
    Routing,
    Stage,
)  # fmt: skip

NAME = "journal"
#: events after which the parent has something to do
RUNG = {"ready", "done", "refused", "failed"}


class Journal:
    """The writing end, in the child; ``ring`` is called after an event that the parent waits
    for."""

    def __init__(self, folder: Path, ring: Callable[[], None] = lambda: None) -> None:
        self._file = os.open(folder / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._ring = ring

    def write(self, event: str, **fields: Json) -> None:
        """Append one event; ends the process with EX_IOERR where that cannot be done."""
        self._append(json.dumps([event, fields], default=_plain))
        if event in RUNG:
            self._ring()

    def token(self, token: int, time: float, text: str) -> None:
        """Append one token of the request that was written last."""
        self._append(json.dumps(["token", token, time, text]))

    def _append(self, line: str) -> None:
        data = line.encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:  # the disk is full or gone: the exit code is all that can still be told
            os._exit(os.EX_IOERR)


def _plain(value: Any) -> Json:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else dict(value)  # type: ignore[arg-type]  # an instance, never a class


@dataclass
class State:
    """What a journal says so far."""

    prompts: list[Prompt]
    stages: list[Stage] = field(default_factory=list)
    stage: str = "start"  #: the one under way, or the last
    facts: Facts | None = None
    warmup: list[Generation] = field(default_factory=list)
    generations: list[Generation] = field(default_factory=list)
    parser: str | None = None  #: which reads the answers, and why
    routing: list[Routing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    happened: list[Stage | Result] = field(default_factory=list)
    """For people to watch: stages that ended, functions when they start and when they end."""
    ready: bool = False
    done: bool = False
    refused: str | None = None
    failed: str | None = None
    reused: str | None = None  #: the run that had loaded the model
    _tokens: list[tuple[int, float, str]] = field(default_factory=list)
    _shown: str = ""

    @property
    def over(self) -> bool:
        """Whether the child has said its last word on this run."""
        return self.done or self.refused is not None or self.failed is not None

    @property
    def tokens(self) -> int:
        """Tokens generated so far, of all requests but the warm-up's."""
        finished = sum(len(g.ids) for g in self.generations)
        return finished + (len(self._tokens) if self.stage == "generate" else 0)

    @property
    def place(self) -> str:
        """Where the run is: its stage, and the function under way, if there is one."""
        stage = f"stage {self.stage}"
        return f"{stage}, running {self.running.call}" if self.running else stage

    @property
    def running(self) -> Result | None:
        """The function under way."""
        last = self.happened[-1] if self.happened else None
        return last if isinstance(last, Result) and last.end is None else None

    def apply(self, line: bytes) -> None:
        """Take in one line; one cut off by a crash, or of another version, is left out."""
        with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError):
            event, *rest = json.loads(line)
            if event == "token":
                token, time, text = rest
                self._tokens.append((token, time, text))
                self._shown += text
            else:
                getattr(self, f"_on_{event}")(**rest[0])

    def taken_text(self) -> str:
        """The text that came since the last call, for people to watch."""
        text, self._shown = self._shown, ""
        return text

    def finished(self) -> "State":
        """With the request that was cut off, if any, as an unfinished generation."""
        if self._tokens:
            self._fill(**_timed(self._tokens))
        return self

    @property
    def _requests(self) -> list[Generation]:
        return self.warmup if self.stage == "warmup" else self.generations

    def _fill(self, **fields: Any) -> None:
        self._requests[-1] = replace(self._requests[-1], **fields)
        self._tokens = []

    def _on_begin(self, stage: str) -> None:
        self.stage = stage

    def _on_stage(self, **fields: Any) -> None:
        self.stages.append(Stage(**fields))
        self.happened.append(self.stages[-1])

    def _on_ready(self) -> None:
        self.ready = True

    def _on_facts(self, **fields: Any) -> None:
        self.facts = Facts(**fields)

    def _on_request(self, index: int, said: Sequence[Message] = (), **fields: Any) -> None:
        before = self._requests[-1].prompt if said else self.prompts[index]
        prompt = replace(before, messages=(*before.messages, *said))
        self._requests.append(Generation(index=index, prompt=prompt, **fields))

    def _on_response(self, **fields: Any) -> None:
        self._fill(**{**_timed(self._tokens), **fields})

    def _on_call(self, call: dict[str, Any], **fields: Any) -> None:
        self._answered(*self._requests[-1].results, Result(Call(**call), **fields))

    def _on_result(self, **fields: Any) -> None:
        *before, last = self._requests[-1].results
        self._answered(*before, replace(last, **fields))

    def _answered(self, *results: Result) -> None:
        self._requests[-1] = replace(self._requests[-1], results=results)
        if not results[-1].simulated:
            self.happened.append(results[-1])

    def _on_reply(self, position: int, reply: dict[str, Any], **fields: Any) -> None:
        self.generations[position] = replace(
            self.generations[position], reply=reply_from(reply), **fields
        )

    def _on_routing(self, phases: list[dict[str, Any]]) -> None:
        self.routing = [routing_from(phase) for phase in phases]

    def _on_parser(self, reason: str) -> None:
        self.parser = reason

    def _on_note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _on_reused(self, run: str) -> None:
        self.reused = run

    def _on_done(self) -> None:
        self.done = True

    def _on_refused(self, message: str) -> None:
        self.refused = message

    def _on_failed(self, message: str) -> None:
        self.failed = message


def _timed(tokens: list[tuple[int, float, str]]) -> dict[str, Any]:
    first = next((time for _, time, text in tokens if text), None)
    return {
        "ids": tuple(token for token, _, _ in tokens),
        "times": tuple(time for _, time, _ in tokens),
        "text": "".join(text for _, _, text in tokens),
        "first_text": first,
    }


def results_from(data: Iterable[dict[str, Any]]) -> tuple[Result, ...]:
    """Results from their JSON objects."""
    return tuple(Result(**{**each, "call": Call(**each["call"])}) for each in data)


def routing_from(data: dict[str, Any]) -> Routing:
    """A Routing from its JSON object."""
    return Routing(**{**data, "used": tuple(map(tuple, data["used"]))})


def reply_from(data: dict[str, Any]) -> Reply:
    """A Reply from its JSON object."""
    calls = tuple(Call(**call) for call in data["calls"])
    return Reply(data["content"], data["reasoning"], calls, tuple(data["problems"]))


class Reader:
    """The reading end: keeps a place in the file and hands over whole lines."""

    def __init__(self, folder: Path) -> None:
        self._path, self._place = folder / NAME, 0

    def lines(self) -> Iterator[bytes]:
        """The lines that came since the last call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._place)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._place += len(whole)
        yield from whole.splitlines()
