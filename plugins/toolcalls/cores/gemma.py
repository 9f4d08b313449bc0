"""The core of Gemma's formats."""

import re
from dataclasses import dataclass, field

from .format import Format
from .gemma_map import Map
from .json_text import shortened
from .python_text import SPACE, ahead, read_run
from .source import Markers, Reading, Source
from .writer import Writer

BEFORE_NAME = re.compile(r"[\s:]*")
BETWEEN = re.compile(r"[\s,;]*")
NAME = re.compile(r"[\w.\-/]*")
CALL, CALL_TAG = "call:", "<call>"


@dataclass(kw_only=True, eq=False)
class Gemma(Format):
    """``OPENER call:NAME{key:QUOTE text QUOTE,other:[1,{a:true}]} CLOSER``.

    One tag may hold several calls. Bare values are typed by the tool's schema and without one read
    as JSON. In content, ``call:NAME{...}`` and ``<call>NAME{...}`` are calls without a tag too.
    """

    family: str = "gemma"
    bare_openers: tuple[str, ...] = (CALL, CALL_TAG)
    quote: str  #: around strings
    strings_are_strings: bool = True  #: rather than values that the model quotes whatever they are
    first_thought: str = ""  #: begins reasoning at the beginning of a text, if that is closed
    _ends: Markers = field(init=False, repr=False)
    _all: Markers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._ends = Markers((*self.openers, *self.closers))
        self._all = Markers((*self.openers, *self.closers, *self.think, *self.think_variants))

    def read_start(self, source: Source, out: Writer) -> Reading[None]:
        if not self.first_thought or not (yield from source.here(Markers((self.first_thought,)))):
            return
        source.mark()
        if (yield from source.until(Markers(self.think[1:]), lambda _: None)):
            out.reasoning(source.taken().removesuffix(self.think[1]))
        else:
            source.back()
            out.content(self.first_thought)

    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        for opener in (CALL, CALL_TAG):
            if source.text.endswith(opener, 0, source.place):
                return (yield from self._read_bare(opener, source, out))
        source.mark()
        name = yield from self._read_name(source, out)
        while name and (yield from self._read_call(name, source, out)):
            yield from source.skip(BETWEEN)
            source.mark()
            name = ""
            if (yield from source.here(Markers((CALL,)))):
                name = yield from self._read_name(source, out)
        return None

    def _read_name(self, source: Source, out: Writer) -> Reading[str]:
        """Read through the brace behind a function's name; if there is none, report it."""
        yield from source.skip(BEFORE_NAME)
        name = yield from read_run(source, NAME)
        if name == CALL[:-1] and (yield from source.skip(BEFORE_NAME)) != "{":
            name = yield from read_run(source, NAME)
        if not name or (yield from source.skip(SPACE)) != "{":
            yield from self._report_no_call(source, out)
            return ""
        source.place += 1
        return name

    def _report_no_call(self, source: Source, out: Writer) -> Reading[None]:
        """What was read since the mark is content, but for a call that is cut off."""
        at_end = not (yield from source.skip(SPACE))
        text = source.taken()
        if at_end and text.lstrip(" :\n").startswith(CALL):
            return out.problem(f"The tool call {shortened(text)} is broken: it breaks off.")
        out.content(text)
        return out.problem("A tool call begins, and no function is named.")

    def _read_call(self, name: str, source: Source, out: Writer) -> Reading[bool]:
        """Read a call from behind its brace; whether others may follow."""
        try:
            out.call(name, (yield from self._map(source).read()))
        except ValueError as error:
            source.back()
            broken: list[str] = []
            marker = yield from source.until(self._ends, broken.append)
            source.place -= len(str(marker)) if marker in self.openers else 0
            out.problem(f"The tool call {shortened(''.join(broken))} is broken: {error}.")
            return False
        source.taken()
        return True

    def _read_bare(self, opener: str, source: Source, out: Writer) -> Reading[None]:
        source.mark()
        name = yield from read_run(source, NAME)
        if not name or (yield from ahead(source, 1)) != "{":
            return out.content(opener + source.taken())
        source.place += 1
        try:
            out.call(name, (yield from self._map(source).read()))
        except ValueError as error:
            text = opener + self._all.pattern.sub("", source.taken())
            out.content(text)
            return out.problem(f"The tool call {shortened(text)} is broken: {error}.")
        source.taken()
        return None

    def _map(self, source: Source) -> Map:
        others = (*self.openers, *self.think, *self.think_variants)
        return Map(source, self.quote, others, self.closers, self.strings_are_strings)
