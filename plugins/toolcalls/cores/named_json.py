"""The core of formats that write a call's name in front of the JSON object of its arguments."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .json_call import SPACE, read_object
from .json_tag import JsonTag
from .json_text import decode, shortened
from .source import Markers, Reading, Source
from .writer import Writer

ANY_NAME = re.compile(r"(?P<name>\S+)")
WORD = re.compile(r"[\w.\-]*")

#: a call's texts before its arguments, by the separator that each follows ("": the opener)
Heading = dict[str, str]


@dataclass(kw_only=True, eq=False)
class NamedJson(JsonTag):
    """``OPENER name SEPARATOR {...} CLOSER``; JSON that holds its own name may follow as well.

    JSON decides where the arguments end; right behind them another name and separator may follow,
    without an opener. A call that is closed without any arguments has none; where ``names_alone``,
    neither has one without a closer that names a tool. One whose arguments break is skipped up to
    the next marker, and prose behind an opener is content; both are problems.
    """

    family: str = "named_json"
    separators: tuple[str, ...] = ()  #: markers that may stand before the arguments
    plain_separators: tuple[str, ...] = ()  #: what else may, and is ordinary text elsewhere
    name_after: str = ""  #: the separator before the name; where it is missing, the opener
    id_after: str | None = None  #: the separator before the call's id ("": the opener)
    #: the whole text of the name; without a ``name`` in it, the arguments tell which tool is meant
    name_pattern: re.Pattern[str] = ANY_NAME
    sections: tuple[str, ...] = ()  #: openers that only begin a list of calls
    names_alone: bool = False  #: whether a name needs no arguments, as calls have no closer
    #: openers of text that a tool is sent instead of JSON, each with its name and its argument
    text_calls: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    _between: tuple[str, ...] = field(init=False, repr=False)
    _stops: Markers = field(init=False, repr=False)
    _separators: Markers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._between = (*self.separators, *self.plain_separators)
        self._stops = Markers((*self._between, "{", *self.openers, *self.closers))
        self._separators = Markers(self.separators)
        self.closers += self.separators

    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        if source.text.endswith(self.sections, 0, source.place):
            yield from self._skip_to_call(source, out)
        elif source.text.endswith(tuple(self.text_calls), 0, source.place):
            yield from self._read_text(source, out)
        elif (yield from source.skip(SPACE)) in ("{", "["):
            yield from self.read_values(source, out)
        else:
            yield from self._read_named(source, out)
            while (yield from self._goes_on_named(source)):
                yield from self._read_named(source, out)

    def _read_text(self, source: Source, out: Writer) -> Reading[None]:
        opener = next(
            each for each in self.text_calls if source.text.endswith(each, 0, source.place)
        )
        parts: list[str] = []
        marker = yield from source.until(self._ends, parts.append)
        self._unread(source, marker)
        name, argument = self.text_calls[opener]
        out.call(name, {argument: "".join(parts)})

    def _goes_on_named(self, source: Source) -> Reading[bool]:
        """Whether a name and a separator follow; neither is read."""
        source.mark()
        start = source.position
        yield from source.skip(WORD)
        named = source.position > start
        goes_on = named and (yield from source.here(self._separators)) is not None
        source.back()
        return goes_on

    def _skip_to_call(self, source: Source, out: Writer) -> Reading[None]:
        passed: list[str] = []
        marker = yield from source.until(self._ends, passed.append)
        self._unread(source, marker)
        if between := "".join(passed).strip():
            out.problem(f"{shortened(between)} stands where a tool call belongs.")

    def _read_named(self, source: Source, out: Writer) -> Reading[None]:
        source.mark()
        heading, stop = yield from self._read_heading(source)
        if stop != "{" and len(heading) == 1 and _is_prose(heading[""]):
            source.back()
            return out.problem(f"A tool call begins, and {shortened(heading[''])} follows.")
        source.taken()
        if stop == "{":
            source.place -= 1
            yield from self._read_arguments(heading, source, out)
            yield from source.here(self._fence)
        else:
            self._unread(source, stop)
            self._report_empty(heading, stop, out)
        return None

    def _read_heading(self, source: Source) -> Reading[tuple[Heading, str | None]]:
        """What stands before the arguments, and the marker that ends it."""
        heading: Heading = {}
        separator, stop = "", None
        while not heading or stop in self._between:
            separator = stop or ""
            text: list[str] = []
            stop = yield from source.until(self._stops, text.append)
            heading[separator] = "".join(text).strip()
        return heading, stop

    def _read_arguments(self, heading: Heading, source: Source, out: Writer) -> Reading[None]:
        text = yield from read_object(source, out, self._ends)
        if text is not None:
            self._report_named(heading, text, out)

    def _report_empty(self, heading: Heading, stop: str | None, out: Writer) -> None:
        given = (self.name_after, self.id_after, "")
        *_, (last, text) = heading.items()
        ended = stop in self.closers and (last in given or not text)
        if any(heading.values()) and (ended or self._stands_alone(heading, out)):
            self._report_named(heading, "{}", out)
        elif any(heading.values()):
            out.problem(f"The tool call {shortened(self._named(heading))} has no arguments.")

    def _stands_alone(self, heading: Heading, out: Writer) -> bool:
        return self.names_alone and len(heading) == 1 and out.offers(heading[""])

    def _report_named(self, heading: Heading, text: str, out: Writer) -> None:
        if _is_prose(self._named(heading)):
            return self.report(text, out)
        try:
            arguments = decode(text)
        except ValueError as error:
            return out.problem(f"The tool call {shortened(text)} is broken: {error}.")
        found = self.name_pattern.fullmatch(self._named(heading))
        name = found and (found["name"] or out.only_tool_for(arguments))
        if not name:
            return out.problem(f"{shortened(self._named(heading))} names no function to call.")
        given = None if self.id_after is None else heading.get(self.id_after)
        return out.call(name, arguments, given or None)

    def _named(self, heading: Heading) -> str:
        return heading.get(self.name_after) or heading[""]

    def _unread(self, source: Source, marker: str | None) -> None:
        if marker in self.openers:
            source.place -= len(str(marker))


def _is_prose(text: str) -> bool:
    return len(text.split()) > 1
