"""The core of most formats: calls as JSON objects, or arrays of them, behind a marker."""

import re
from dataclasses import dataclass, field

from infra.types import Json

from .format import Format
from .json_end import read_json
from .json_text import decode, shortened
from .python_dict import as_json
from .source import Markers, Reading, Source
from .writer import Writer

#: what may stand between the values of one tag
BETWEEN = re.compile(r"[\s,;]*")


@dataclass(kw_only=True, eq=False)
class JsonTag(Format):
    """``OPENER {"name": ..., "arguments": {...}} CLOSER``; one tag may hold several values, and
    arrays of them. An opener may end with the bracket that the JSON begins with.

    JSON decides where a value ends, so a closer inside a string is text, and a missing closer is
    forgiven. What begins as JSON and breaks is skipped up to the next marker; an opener without
    JSON behind it is a mention, and the text goes on as content. Both are problems.
    """

    family: str = "json_tag"
    name_keys: tuple[str, ...] = ("name",)
    arguments_keys: tuple[str, ...] = ("arguments", "parameters")
    id_keys: tuple[str, ...] = ("id",)
    name_is_key: bool = False  #: whether a call is ``{NAME: ARGUMENTS}``
    resumes: tuple[str, ...] = ()  #: how the call behind a broken one begins, up to its bracket
    python: bool = False  #: whether Python's quotes and constants are let through
    header: re.Pattern[str] | None = None  #: a word that may stand before the first opener
    fence: tuple[str, ...] = ()  #: what is dropped right behind the calls
    _openers: Markers = field(init=False, repr=False)
    _ends: Markers = field(init=False, repr=False)
    _goes_on: Markers = field(init=False, repr=False)
    _fence: Markers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._openers = Markers(self.openers)
        self._ends = Markers((*self.openers, *self.closers))
        self._goes_on = Markers((*self.openers, *self.closers, *self.resumes))
        self._fence = Markers(self.fence)

    def read_start(self, source: Source, out: Writer) -> Reading[None]:
        if self.header is None:
            return
        source.mark()
        yield from source.skip(self.header)
        if marker := (yield from source.here(self._openers)):
            source.place -= len(marker)
            source.taken()
        else:
            source.back()

    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        source.place -= source.text.endswith(("{", "["), 0, source.place)
        first = yield from source.skip(BETWEEN)
        if first in ("{", "["):
            return (yield from self.read_values(source, out))
        found = repr(first) if first else "the end"
        return out.problem(f"A tool call begins, and {found} stands where JSON belongs.")

    def read_values(self, source: Source, out: Writer) -> Reading[None]:
        """Read objects and arrays from here on, up to something else."""
        while first := (yield from self._bracket(source)):
            source.mark()
            if first == "[" and (yield from _enter_array(source)):
                goes_on = yield from self.read_items(source, out)
            else:
                goes_on = yield from self._read_value(source, out)
            if not goes_on:
                return
        yield from source.here(self._fence)

    def _bracket(self, source: Source) -> Reading[str]:
        """The bracket that a value begins with here, which is not read; none if an opener does."""
        first = yield from source.skip(BETWEEN)
        opener = yield from source.here(self._openers)
        source.place -= len(opener or "")
        return first if first in ("{", "[") and not opener else ""

    def read_items(self, source: Source, out: Writer) -> Reading[bool]:
        """Read the rest of an array, item by item; whether other values may follow."""
        while first := (yield from source.skip(BETWEEN)):
            if first == "]":
                source.place += 1
                return True
            source.mark()
            goes_on = yield from self._read_value(source, out, "" if first == "{" else "[")
            if first != "{" or not goes_on:
                return goes_on
        return False

    def _read_value(self, source: Source, out: Writer, inside: str = "") -> Reading[bool]:
        try:
            text = yield from read_json(source, inside, self.python)
        except ValueError as error:
            return (yield from self._skip_broken(source, out, error))
        self.report(text, out)
        return True

    def _skip_broken(self, source: Source, out: Writer, error: ValueError) -> Reading[bool]:
        """Go on at the next marker, which may stand inside what looked like a string, or at the
        next call that can be told from what may stand inside this one."""
        passed = [source.taken()] if self.resumes else []
        if not self.resumes:
            source.back()
        marker = yield from source.until(self._goes_on, passed.append)
        if marker in self.openers:
            source.place -= len(str(marker))
        source.place -= marker in self.resumes
        self._report_broken("".join(passed), out, error)
        return marker in self.resumes

    def _report_broken(self, text: str, out: Writer, error: ValueError) -> None:
        if self.name_is_key and self._is_whole(text + "}"):
            self.report(text + "}", out)
        elif text.strip():
            out.problem(f"The tool call {shortened(text)} is broken: {error}.")

    def _is_whole(self, text: str) -> bool:
        try:
            return bool(self.decode(text))
        except ValueError:
            return False

    def decode(self, text: str) -> Json:
        """What the text of a value says.

        Raises:
            ValueError: as ``json_text.decode`` does.
        """
        try:
            return decode(text)
        except ValueError:
            if not self.python:
                raise
            return decode(as_json(text))

    def report(self, text: str, out: Writer) -> None:
        """Tell of the calls that the text of a value holds."""
        try:
            value = self.decode(text)
        except ValueError as error:
            return out.problem(f"The tool call {shortened(text)} is broken: {error}.")
        for item in value if isinstance(value, list) else [value]:
            self._call(item, text, out)
        return None

    def _call(self, item: Json, text: str, out: Writer) -> None:
        name = _first(item, self.name_keys)
        if self.name_is_key and isinstance(item, dict) and name is None and all(item):
            for key, arguments in item.items():
                _call(key, arguments, None, out)
            return None
        if name is None and isinstance(item, dict) and isinstance(item.get("function"), dict):
            return self._call({**item, **item["function"], "function": None}, text, out)
        if not isinstance(name, str) or not name:
            return out.problem(f"The tool call {shortened(text)} names no function.")
        given = _first(item, self.id_keys)
        id = str(given) if isinstance(given, str | int) else None
        return _call(name, _first(item, self.arguments_keys), id, out)


def _enter_array(source: Source) -> Reading[bool]:
    """Read the bracket that begins a marked array of objects, the mark is removed then."""
    source.place += 1
    if (yield from source.skip(BETWEEN)) in ("{", "]"):
        source.taken()
        return True
    source.back()
    source.mark()
    return False


def _call(name: str, arguments: Json, id: str | None, out: Writer) -> None:
    try:
        out.call(name, _object(arguments), id)
    except ValueError as error:
        out.problem(f"The arguments of {shortened(name)} cannot be used: {error}.")


def _first(item: Json, keys: tuple[str, ...]) -> Json:
    """The value of the object's first key that is one of ``keys``."""
    known = item if isinstance(item, dict) else {}
    return next((known[key] for key in known if key in keys), None)


def _object(arguments: Json) -> dict[str, Json]:
    """Arguments as an object: also written as a string that holds its JSON, or left out."""
    while isinstance(arguments, str):
        arguments = decode(arguments.strip() or "{}")
    if arguments is None or arguments == []:
        return {}
    if not isinstance(arguments, dict):
        raise ValueError("they are no JSON object")
    return arguments
