"""Python strings, numbers and constants, as models write them; nothing is evaluated."""

import math
import re

from infra.types import Json

from .arguments import Unbounded
from .json_text import shortened
from .source import Reading, Source

#: words that are values, in Python's spelling and in JSON's
CONSTANTS: dict[str, Json] = {
    "True": True, "False": False, "None": None, "true": True, "false": False, "null": None,
}  # fmt: skip
PREFIXES = ("", "r", "u", "b", "f", "br", "rb", "fr", "rf")
SPACE = re.compile(r"\s*")
PLAIN = {"'": re.compile(r"[^'\\]*"), '"': re.compile(r'[^"\\]*')}

DECIMAL = re.compile(r"[-+]?[0-9][0-9_]*")
OTHER_BASE = re.compile(r"[-+]?0(?:[xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)")
REAL = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9_]+)?")

ESCAPE = re.compile(
    r"\\(?:\n|[\\'\"abfnrtv]|[0-7]{1,3}|x[0-9a-fA-F]{2}|U[0-9a-fA-F]{8}"
    r"|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4})"
)
NAMED: dict[str, str] = dict(zip("\n\\'\"abfnrtv", ("", *"\\'\"\a\b\f\n\r\t\v"), strict=True))


class BreaksOff(ValueError):
    """The text ends, or turns into something else, where a value is not complete."""


def scalar(word: str) -> Json:
    """The value of a number or a constant; zeros may lead, as in dates.

    Raises:
        ValueError: it is neither.
    """
    if word in CONSTANTS:
        return CONSTANTS[word]
    if DECIMAL.fullmatch(word):
        return int(word.replace("_", ""))
    if OTHER_BASE.fullmatch(word):
        return int(word, 0)
    if not REAL.fullmatch(word):
        raise ValueError(f"{shortened(word)} is no value")
    number = float(word.replace("_", ""))
    return number if math.isfinite(number) else Unbounded(word)


def string(body: str, prefix: str) -> str:
    """The value of a string literal, given what stands between its quotes.

    Raises:
        ValueError: it is bytes, or an f-string that would have to be evaluated.
    """
    if "b" in prefix:
        raise ValueError("bytes are no JSON value")
    if "f" in prefix and "{" in body:
        raise ValueError("an f-string is no constant")
    return body if "r" in prefix else ESCAPE.sub(_unescaped, body)


def _unescaped(found: re.Match[str]) -> str:
    whole: str = found.group()
    code = whole[1:]
    if code in NAMED:
        return NAMED[code]
    if code[0] not in "xuU":
        return chr(int(code, 8))
    if "\\" in code:  # a surrogate pair, as JSON writes characters beyond four digits
        high, low = int(code[1:5], 16), int(code[-4:], 16)
        return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
    number = int(code[1:], 16)
    return chr(number) if number <= 0x10FFFF else whole


def read_run(source: Source, pattern: re.Pattern[str]) -> Reading[str]:
    """Read a run of characters, given as a repeated set of them, and return it."""
    pieces: list[str] = []
    while True:
        found = pattern.match(source.text, source.place)
        assert found
        pieces.append(found.group())
        source.place = found.end()
        if source.place < len(source.text) or source.closed:
            return "".join(pieces)
        yield


def ahead(source: Source, size: int) -> Reading[str]:
    """The next ``size`` characters, fewer at the end of the text; they are not read."""
    while len(source.text) - source.place < size and not source.closed:
        yield
    return source.text[source.place : source.place + size]


def read_quotes(source: Source) -> Reading[str]:
    """Read the quotes that open a string: one, or three of a kind."""
    three = yield from ahead(source, 3)
    quotes = three if three == 3 * three[0] else three[0]
    source.place += len(quotes)
    return quotes


def read_body(source: Source, quotes: str) -> Reading[str]:
    """Read through the next quotes of this kind and return what stands before them. Line breaks
    are let through.

    Raises:
        BreaksOff: there are none.
    """
    pieces: list[str] = []
    while True:
        pieces.append((yield from read_run(source, PLAIN[quotes[0]])))
        stop = yield from ahead(source, max(2, len(quotes)))
        if not stop or stop == "\\":
            raise BreaksOff("it breaks off")
        if stop.startswith(quotes):
            source.place += len(quotes)
            return "".join(pieces)
        size = 2 if stop[0] == "\\" else 1
        pieces.append(stop[:size])
        source.place += size
