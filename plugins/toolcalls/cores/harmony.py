"""The core of OpenAI's harmony format: an answer is a series of messages, each with a header."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .format import Format
from .harmony_bare import read_bare
from .json_call import SPACE, read_call
from .json_text import shortened
from .source import Markers, Reading, Source
from .writer import Writer

START, CHANNEL, CONSTRAIN, MESSAGE = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>"
ENDS = ("<|end|>", "<|call|>", "<|return|>")
MARKERS = Markers((START, CHANNEL, CONSTRAIN, MESSAGE, *ENDS))
BODY_ENDS = Markers((START, CHANNEL, *ENDS))

CHANNEL_NAME = re.compile(r"\s*(analysis|commentary|final)?")
RECIPIENT = re.compile(r"(?<!\w)to=([^\s<]+)")
PEOPLE = ("user", "all")
#: the beginning of a message that the model takes back, as it goes on with another channel
ASIDE = re.compile(r"<\|channel\|>[^<]*\bto=assistant\s*(?=<\|channel\|>)")

#: a header whose beginning is missing, as the prompt has it, and what models write in its place
HEADER_REST = re.compile(r"\s*(?:assistant|commentary)?\s*(?:to=\S+)?\s*")
LONGEST_REST, MOST_WORDS = 200, 2


@dataclass(kw_only=True, eq=False)
class Harmony(Format):
    """``<|start|>assistant<|channel|>commentary to=functions.f<|message|>{...}<|call|>``.

    A recipient makes a message a call, whatever its channel; it may stand before the channel.
    Of the others, ``analysis`` is reasoning, and all else is content. The prompt ends with
    ``<|start|>assistant``. What ends a message may be missing, and so may all markers.
    """

    family: str = "harmony"
    openers: tuple[str, ...] = (START, CHANNEL)
    closers: tuple[str, ...] = (*ENDS, CONSTRAIN, MESSAGE)
    think: tuple[str, str] = (f"{CHANNEL}analysis{MESSAGE}", ENDS[0])
    calls_in_thought: bool = True

    def read_start(self, source: Source, out: Writer) -> Reading[None]:
        yield from read_bare(source, out, (*self.openers, *self.closers))
        yield from self._read_messages(source, out)

    def _read_messages(self, source: Source, out: Writer) -> Reading[None]:
        while (yield from self._read_message(source, out)):
            pass

    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        marker = next(each for each in self.openers if source.text.endswith(each, 0, source.place))
        source.place -= len(marker)
        yield from self._read_messages(source, out)

    def _read_message(self, source: Source, out: Writer) -> Reading[bool]:
        """Read one message and what stands before it; whether more may follow."""
        written, marker = yield from _read_header(source, out)
        header = ASIDE.sub("", written)
        recipient = RECIPIENT.search(header)
        if marker == MESSAGE:
            yield from self._read_body(header, recipient and recipient[1], source, out)
        elif recipient:
            out.problem(f"The call of {shortened(recipient[1])} has no arguments.")
        elif marker in ENDS:  # the model left out the marker before the body
            _teller(header, out)(_split(header)[1].replace(CONSTRAIN, " "))
        return marker is not None

    def _read_body(
        self, header: str, recipient: str | None, source: Source, out: Writer
    ) -> Reading[None]:
        if recipient == "assistant":
            out.problem("A message that is meant for the assistant itself was left out.")
            yield from _read_text(source, lambda _: None)
        elif recipient and recipient not in PEOPLE:
            yield from _read_call(recipient.removeprefix("functions."), source, out)
        else:
            yield from _read_text(source, _teller(header, out))


class HeaderRest:
    """Passes text on, but for what may be the rest of a header."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._held: str | None = ""

    def __call__(self, text: str) -> None:
        held = text if self._held is None else self._held + text
        if self._held is None or len(held) > LONGEST_REST or len(held.split()) > MOST_WORDS:
            self._tell(held)
            self._held = None
        else:
            self._held = held

    def end(self, marker: str | None) -> str:
        """What belongs to the header that ``marker`` goes on with; the rest is passed on."""
        held = self._held or ""
        if marker in (START, CHANNEL, CONSTRAIN, MESSAGE) and HEADER_REST.fullmatch(held):
            return held
        self._tell(held)
        return ""


def _read_header(source: Source, out: Writer) -> Reading[tuple[str, str | None]]:
    """A header, and the marker that ends it."""
    rest = HeaderRest(out.content)
    marker = yield from source.until(MARKERS, rest)
    parts = [rest.end(marker)]
    while marker in (START, CHANNEL, CONSTRAIN):
        parts.append(str(marker))
        marker = yield from source.until(MARKERS, parts.append)
    return "".join(parts).rpartition(START)[2], marker


def _split(header: str) -> tuple[str | None, str]:
    """The channel that a header names, if any, and what follows it."""
    _, found, rest = header.rpartition(CHANNEL)
    name = CHANNEL_NAME.match(rest) if found else None
    return (name[1], rest[name.end() :]) if name else (None, "")


def _teller(header: str, out: Writer) -> Callable[[str], None]:
    return out.reasoning if _split(header)[0] == "analysis" else out.content


def _read_text(source: Source, tell: Callable[[str], None]) -> Reading[None]:
    marker: str | None = MESSAGE
    while marker in (CONSTRAIN, MESSAGE):
        marker = yield from source.until(MARKERS, tell)
    tell("\n")  # messages are separate texts
    _unread(source, marker)


def _read_call(name: str, source: Source, out: Writer) -> Reading[None]:
    if (yield from source.skip(SPACE)) == "{":
        return (yield from read_call(name, source, out, BODY_ENDS))
    others: list[str] = []
    marker = yield from source.until(BODY_ENDS, others.append)
    _unread(source, marker)
    if marker and not others:
        return out.call(name, {})
    return out.problem(f"The arguments of {shortened(name)} are no JSON object.")


def _unread(source: Source, marker: str | None) -> None:
    if marker in (START, CHANNEL):
        source.place -= len(str(marker))
