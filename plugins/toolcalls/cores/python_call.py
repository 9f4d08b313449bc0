"""The arguments of a Python call inside text that is still coming."""

import re

from infra.types import Json

from .python_bracket import SPREAD, Bracket
from .python_text import (
    PREFIXES,
    SPACE,
    BreaksOff,
    ahead,
    read_body,
    read_quotes,
    read_run,
    scalar,
    string,
)
from .source import Markers, Reading, Source

CLOSERS = {"(": ")", "[": "]", "{": "}"}
NAME = re.compile(r"[\w.\-]*")
WORD = re.compile(r"[\w.+\-]*")
#: what may stand behind a string, or would if it were no constant
AFTER_STRING = (*",)]}:'\"+*%.[", "")
#: what stands behind the last and behind another argument, to be found in so many characters
AFTER_CALL, NEXT_ARGUMENT, FAR = re.compile(r"\)\s*(?:[,\]<]|$)"), re.compile(r",\s*\w+\s*="), 64


class Arguments:
    """Reads from behind a call's opening bracket through its closing one."""

    def __init__(self, source: Source, markers: tuple[str, ...]) -> None:
        self._source, self._markers = source, markers
        self._open = [Bracket(")", is_call=True)]
        self._value_next = True
        self._result: dict[str, Json] = {}

    def read(self) -> Reading[dict[str, Json]]:
        """
        Raises:
            BreaksOff: the text ends inside.
            ValueError: these are no constants with names; ``skim`` finds the end.
        """
        while self._open:
            character = yield from self._source.skip(SPACE)
            if not character:
                raise BreaksOff("it breaks off")
            if character in "'\"":
                yield from self._read_string("")
            elif character in "()[]{}:,":
                self._take_mark(character)
                self._source.place += 1
            else:
                yield from self._read_word(character)
        return self._result

    def skim(self) -> Reading[None]:
        """Read on to the end of a call that makes no sense; strings and brackets count.

        Raises:
            BreaksOff: there is no end before the next marker.
        """
        marks = Markers((*self._markers, *"()[]{}'\""))
        closers = [bracket.closer for bracket in self._open]
        while closers:
            mark = yield from self._source.until(marks, lambda _: None)
            if mark is None or mark in self._markers:
                self._source.place -= len(mark or "")
                raise BreaksOff("it breaks off")
            if mark in CLOSERS:
                closers.append(CLOSERS[mark])
            elif mark in ("'", '"'):
                self._source.place -= 1
                yield from read_body(self._source, (yield from read_quotes(self._source)))
            elif mark == ")" or mark == closers[-1]:
                while closers.pop() != mark:
                    pass

    def _take_mark(self, mark: str) -> None:
        bracket = self._open[-1]
        ready = self._value_next and bracket.key is None
        if mark in CLOSERS and self._value_next:
            self._open.append(Bracket(CLOSERS[mark]))
        elif mark == bracket.closer and (ready or not self._value_next):
            self._close()
        elif mark in ",:" and not self._value_next:
            self._separate(bracket, mark)
        else:
            expected = "a value" if self._value_next else f"a comma or {bracket.closer}"
            raise ValueError(f"{mark!r} stands where {expected} belongs")

    def _separate(self, bracket: Bracket, mark: str) -> None:
        if mark == ":":
            bracket.take_key()
        elif bracket.closer == "}" and bracket.pairs and bracket.values:
            raise ValueError("a key has no value")
        else:
            bracket.has_comma = True
        self._value_next = True

    def _close(self) -> None:
        bracket = self._open[-1]
        value = bracket.value()
        self._open.pop()
        if self._open:
            self._value_next = True
            self._add(value)
        else:
            self._result = bracket.pairs

    def _add(self, value: Json) -> None:
        if not self._value_next:
            raise ValueError(f"{value!r:.60} stands where a comma belongs")
        self._open[-1].add(value)
        self._value_next = False

    def _read_word(self, first: str) -> Reading[None]:
        word = yield from read_run(self._source, WORD)
        if not word and self._names_next and (yield from ahead(self._source, 2)) == SPREAD:
            self._source.place += 2
            self._open[-1].key = SPREAD
            return None
        if not word:
            raise ValueError(f"{first!r} stands where a value belongs")
        following = yield from ahead(self._source, 1)
        if following in ("'", '"') and word.lower() in PREFIXES:
            return (yield from self._read_string(word.lower()))
        if self._names_next:
            return (yield from self._read_name(word))
        return self._add(scalar(word))

    @property
    def _names_next(self) -> bool:
        """Whether the name of an argument belongs here."""
        bracket = self._open[-1]
        return bracket.is_call and self._value_next and bracket.key is None

    def _read_name(self, word: str) -> Reading[None]:
        mark = yield from self._source.skip(SPACE)
        if mark != "=":
            raise ValueError("an argument has no name")
        self._source.place += 1
        self._open[-1].key = word

    def _read_string(self, prefix: str) -> Reading[None]:
        parts: list[str] = []
        following = "'"
        while following in ("'", '"'):
            quotes = yield from read_quotes(self._source)
            body = yield from read_body(self._source, quotes)
            space = yield from read_run(self._source, SPACE)
            following = yield from ahead(self._source, 1)
            if following not in AFTER_STRING and len(quotes) == 1:
                body = yield from self._read_on(body + quotes + space, quotes)
                following = ")"
            parts.append(string(body, prefix))
            prefix = ""
        self._add("".join(parts))

    def _read_on(self, begun: str, quote: str) -> Reading[str]:
        """The rest of a string that has its own quotes inside, as some chat templates write them.
        Only the last argument can be told apart from others like that.

        Raises:
            BreaksOff: it is not the last one, or has no end before the next marker.
        """
        pieces = [begun]
        while True:
            pieces.append((yield from read_body(self._source, quote)))
            rest = yield from ahead(self._source, FAR)
            if (
                self._open[1:]
                or NEXT_ARGUMENT.match(rest)
                or any(marker in pieces[-1] for marker in self._markers)
            ):
                raise BreaksOff("a string has quotes inside")
            if AFTER_CALL.match(rest):
                return "".join(pieces)
            pieces.append(quote)


class NoCall(ValueError):
    """What stands here does not begin like a call."""


def read_call(source: Source, markers: tuple[str, ...]) -> Reading[tuple[str, dict[str, Json]]]:
    """Read a call and return its name and arguments.

    Raises:
        NoCall: there is no name with a bracket behind it.
        BreaksOff: it has no end before one of the markers; or there is nothing behind the name.
        ValueError: it makes no sense; it has been read all the same.
    """
    name = yield from read_run(source, NAME)
    following = yield from source.skip(SPACE)
    if name and not following:
        raise BreaksOff("it breaks off")
    if not name or following != "(":
        raise NoCall("it is no call")
    source.place += 1
    arguments = Arguments(source, markers)
    try:
        return name, (yield from arguments.read())
    except BreaksOff:
        raise
    except ValueError as error:
        try:
            yield from arguments.skim()
        except BreaksOff:
            raise BreaksOff(str(error)) from None
        raise
