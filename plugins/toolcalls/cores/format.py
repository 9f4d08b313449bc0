"""What all formats share: reasoning, content, and where calls begin. A format adds how one reads.

A format is an instance of a core such as ``JsonTag``; most are a few lines of data.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.calls.events import Event, total
from infra.types import CallRules, Reply, ToolSchema

from . import fence
from .grammar import ShapeOf, answer, schemas
from .source import Markers, Reading, Source
from .writer import Writer


@dataclass(kw_only=True, eq=False)
class Format(ABC):
    """A way of writing tool calls; an ``infra.protocols.Parser``.

    Markers count in content. Inside reasoning an opener counts only if that reasoning is never
    closed afterwards. Closers are dropped wherever they stand, and right behind calls and other
    closers also where the text breaks off in one; no call depends on its closer.
    """

    family: str
    names: tuple[str, ...]  #: the first is the one shown
    source: str  #: where the format is defined
    openers: tuple[str, ...]
    closers: tuple[str, ...] = ()
    bare_openers: tuple[str, ...] = ()  #: openers too, but never inside reasoning
    think: tuple[str, str] = ("<think>", "</think>")  #: around reasoning
    think_variants: tuple[str, ...] = ()  #: other ways to open it
    think_closers: tuple[str, ...] = ()  #: other ways to close it
    calls_in_thought: bool = False  #: whether calls count inside closed reasoning too
    fenced_is_text: bool = False  #: whether calls are none inside a fenced block of Markdown
    #: markers to drop everywhere, each with a pattern of a repeated set of characters behind it
    #: that go with it; a ``>`` behind these too
    noise: Mapping[str, str] = field(default_factory=dict)
    shape: ShapeOf | None = None  #: how calls are written, for ``constraint=tools``
    #: parts of every chat template that teaches the format; none: it is never chosen by one
    template_has: tuple[str, ...] = ()
    template_lacks: tuple[str, ...] = ()  #: parts of templates that teach a similar one

    @abstractmethod
    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        """Read from behind an opener through the calls; a closer may be left to the caller."""

    def read_start(self, source: Source, out: Writer) -> Reading[None]:
        """Read what stands only at the beginning of a text; in most formats there is nothing."""
        yield from ()

    @property
    def values_are_text(self) -> bool:
        """Whether values are written as text, so that only a tool's schema can type them."""
        return False

    def grammar(self, tools: Sequence[ToolSchema], rules: CallRules) -> str | None:
        """What an answer may say, in llguidance's Lark; ``None`` where ``shape`` is not known."""
        if self.shape is None:
            return None
        return answer(self.shape(self, schemas(tools), rules.special), self.think, rules)

    def matches(self, template: str) -> bool:
        """Whether a model with this chat template speaks the format."""
        lacks = not any(part in template for part in self.template_lacks)
        has = bool(self.template_has) and all(part in template for part in self.template_has)
        return lacks and has

    def stream(
        self, tools: Sequence[ToolSchema] = (), starts_in_reasoning: bool = False
    ) -> "Stream":
        """A reader of one text that comes in pieces."""
        return Stream(self, tools, starts_in_reasoning)

    def parse(
        self, text: str, tools: Sequence[ToolSchema] = (), starts_in_reasoning: bool = False
    ) -> Reply:
        """The whole text at once: fed in one piece, its events added up."""
        stream = self.stream(tools, starts_in_reasoning)
        return total([*stream.feed(text), *stream.close()])


class Stream:
    """One text being taken apart. Any split of it gives events that add up to the same Reply."""

    def __init__(
        self, form: Format, tools: Sequence[ToolSchema], starts_in_reasoning: bool
    ) -> None:
        self._format, self._out, self._source = form, Writer(tools), Source()
        self._in_reasoning, self._ended = starts_in_reasoning, False
        self._never_closed = False  # known of all reasoning that is still to come
        self._openers = (*form.openers, *form.bare_openers)
        self._thought_closers = (form.think[1], *form.think_closers)
        think = (*form.think, *form.think_variants, *form.think_closers)
        self._closers = Markers(form.closers)
        self._at_start = fence.AT_START if form.fenced_is_text else Markers(())
        in_answer = (*self._openers, *form.closers, *think, *form.noise)
        self._in_answer = self._outside_fences = Markers(in_answer)
        if form.fenced_is_text:
            self._in_answer = Markers((*in_answer, *fence.OPENERS))
        dropped = form.closers if form.calls_in_thought else ()
        self._in_thought = Markers((*form.openers, *dropped, *think, *form.noise))
        self._end_of_thought = Markers(self._thought_closers)
        self._reading = self._read()
        next(self._reading)

    def feed(self, piece: str) -> list[Event]:
        """The events that this piece makes certain."""
        self._source.feed(piece)
        next(self._reading, None)
        return self._out.drain()

    def close(self) -> list[Event]:
        """The rest, once no more text comes; the stream is of no use afterwards."""
        self._source.closed = True
        next(self._reading, None)
        return self._out.drain()

    def _read(self) -> Reading[None]:
        if not self._in_reasoning:
            yield from self._format.read_start(self._source, self._out)
            yield from self._read_fence((yield from self._source.here(self._at_start)))
        while not self._ended:
            yield from self._read_thought() if self._in_reasoning else self._read_answer()

    def _read_answer(self) -> Reading[None]:
        marker = yield from self._source.until(self._in_answer, self._out.content)
        if marker in self._openers:
            yield from self._format.read_calls(self._source, self._out)
        if marker in self._openers or marker in self._format.closers:
            yield from self._source.drop_cut_off(self._closers)
        yield from self._read_fence(marker if marker in fence.OPENERS else None)
        yield from self._drop_noise(marker)
        self._in_reasoning = marker in (self._format.think[0], *self._format.think_variants)
        self._ended = marker is None

    def _read_thought(self) -> Reading[None]:
        marker = yield from self._source.until(self._in_thought, self._out.reasoning)
        if marker in self._format.openers and self._format.calls_in_thought:
            yield from self._format.read_calls(self._source, self._out)
        elif marker in self._format.openers:
            yield from self._read_call_in_thought(str(marker))
        yield from self._drop_noise(marker)
        self._in_reasoning = self._in_reasoning and marker not in self._thought_closers
        self._ended = marker is None

    def _read_fence(self, marker: str | None) -> Reading[None]:
        if marker:
            self._out.content(marker)
            ends = yield from fence.read_block(
                marker, self._openers, self._source, self._out.content
            )
            self._in_answer = self._in_answer if ends else self._outside_fences

    def _drop_noise(self, marker: str | None) -> Reading[None]:
        if characters := self._format.noise.get(marker or ""):
            behind = yield from self._source.skip(re.compile(characters))
            self._source.place += behind == ">"

    def _read_call_in_thought(self, opener: str) -> Reading[None]:
        """Hold back what follows until it is known whether the reasoning is closed."""
        source, close = self._source, None
        source.place -= len(opener)
        source.mark()
        if not self._never_closed:
            close = yield from source.until(self._end_of_thought, _ignore)
        if close:
            self._out.reasoning(source.taken()[: -len(close)])
        else:
            source.back()
            self._never_closed = True
        self._in_reasoning = False


def _ignore(_: str) -> None:
    """For text that only the mark keeps."""
