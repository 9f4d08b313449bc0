"""A text cut into the regions of its fields."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .field import Field
from .template import REASONING


class Region(NamedTuple):
    """A stretch of text, the field that it belongs to, and the groups of what opened it."""

    field: Field | None
    text: str
    captures: Mapping[str, str]


class Marker(NamedTuple):
    """A match, and the field that begins with it, ``None`` where one ends."""

    match: re.Match[str]
    begins: Field | None


class Searches:
    """The next match of each pattern; none looks at the same text twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[re.Pattern[str], re.Match[str] | None] = {}

    def after(self, pattern: re.Pattern[str], place: int) -> re.Match[str] | None:
        """The first match from ``place`` on, where ``place`` never goes back."""
        known = self._found.get(pattern)
        if pattern not in self._found or (known and known.start() < place):
            self._found[pattern] = known = pattern.search(self._text, place)
        return known

    def used(self, match: re.Match[str]) -> None:
        """Go on behind ``match``; an empty one is found once at its place."""
        if match.end() == match.start():
            left = match.end() < len(self._text)
            self._found[match.re] = match.re.search(self._text, match.end() + 1) if left else None


def regions(fields: Mapping[str, Field], text: str, starts_in_reasoning: bool) -> Iterator[Region]:
    """The text from its beginning to its end, each stretch once."""
    searches, place = Searches(text), 0
    rest = next((each for each in fields.values() if each.opens is None), None)
    current, captures = rest, dict[str, str]()
    if starts_in_reasoning:
        current = next((each for each in fields.values() if each.name in REASONING), rest)
    while marker := _next(searches, place, fields, current, rest):
        match, begins = marker
        yield Region(current, text[place : match.start()], captures)
        searches.used(match)
        place, current = match.end(), begins or rest
        captures = {k: v for k, v in match.groupdict().items() if v is not None} if begins else {}
    yield Region(current, text[place:], captures)


def _next(
    searches: Searches,
    place: int,
    fields: Mapping[str, Field],
    current: Field | None,
    rest: Field | None,
) -> Marker | None:
    """The leftmost marker that counts here, of those the longest."""
    ends = searches.after(current.closes, place) if current and current.closes else None
    if current is rest:
        begin = list(fields.values())
    else:
        begin = [] if ends else _inside_unclosed(current, fields)
    found = [
        Marker(match, each)
        for each in begin
        if each.opens and (match := searches.after(each.opens, place))
    ]
    found += [Marker(ends, None)] if ends else []
    return min(found, key=lambda marker: (marker.match.start(), -marker.match.end()), default=None)


def _inside_unclosed(current: Field | None, fields: Mapping[str, Field]) -> list[Field]:
    """What counts inside a region that is never closed: a call, if the region is reasoning."""
    calls = fields.get("tool_calls")
    return [calls] if calls and current and current.name in REASONING else []
