"""A text that is still coming, and readers that wait for it.

A reader is a generator: it ``yield``s where it needs more text, so it reads like a function over
the whole text and still works for text that comes a character at a time. Each reader's time is
linear in the text: what it has passed over is never looked at again, unless it goes ``back``.
"""

import re
from collections.abc import Callable, Generator, Iterable
from functools import cache
from typing import TypeVar

T = TypeVar("T")

#: a reader in progress; it yields to wait and returns what it read
Reading = Generator[None, None, T]

#: a pattern that never matches
NOTHING = "(?!)"


class Markers:
    """Literal strings to look for; the leftmost counts, and of those the longest."""

    def __init__(self, literals: Iterable[str]) -> None:
        strings = frozenset(literals)
        self.longest = max(map(len, strings), default=0)
        self.pattern, self._first, self._beginnings = _compiled(strings)

    def unfinished(self, text: str, start: int) -> int:
        """Where, from ``start``, a marker begins that ``text`` may be cutting off; else its end."""
        nearest = max(start, len(text) - self.longest + 1)
        places = (found.start() for found in self._first.finditer(text, nearest))
        return next((at for at in places if text[at:] in self._beginnings), len(text))


@cache
def _compiled(strings: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str], frozenset[str]]:
    """Patterns of any of the strings and of their first characters, and all that begins one."""
    ordered = sorted(strings, key=len, reverse=True)
    firsts = {text[:1] for text in ordered}
    beginnings = frozenset(text[:end] for text in ordered for end in range(1, len(text)))
    return _any(ordered), _any(firsts), beginnings


def _any(literals: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, literals)) or NOTHING)


class Source:
    """The text so far, from a little before ``place`` on."""

    def __init__(self) -> None:
        self.text, self.place, self.closed = "", 0, False
        self._mark: int | None = None
        self._kept: list[str] = []
        self._forgotten = 0
        self.notes: set[str] = set()  #: what a reader found out about all the text

    @property
    def position(self) -> int:
        """How much of the whole text has been read."""
        return self._forgotten + self.place

    def feed(self, piece: str) -> None:
        """More text; what was read is forgotten, but for what lies behind the mark."""
        if self._mark is not None:
            self._kept.append(self.text[self._mark : self.place])
            self._mark = 0
        self._forgotten += self.place
        self.text, self.place = self.text[self.place :] + piece, 0

    def mark(self) -> None:
        """Keep what is read from here on, for ``taken`` or ``back``."""
        self._mark, self._kept = self.place, []

    def taken(self) -> str:
        """What was read since the mark, which is removed."""
        text = "".join([*self._kept, self.text[self._mark : self.place]])
        self._mark, self._kept = None, []
        return text

    def back(self) -> None:
        """Return to the mark, which is removed."""
        assert self._mark is not None
        if self._kept:
            self._forgotten -= sum(map(len, self._kept))
            self.text = "".join([*self._kept, self.text[self._mark :]])
            self._mark = 0
        self.place, self._mark, self._kept = self._mark, None, []

    def until(self, markers: Markers, passed: Callable[[str], object]) -> Reading[str | None]:
        """Read through the next marker and return it, ``None`` at the end of the text.

        Args:
            passed: is given the text before it, in pieces, as early as it is certain.
        """
        while True:
            found = markers.pattern.search(self.text, self.place)
            sure = self.closed or (found and found.start() + markers.longest <= len(self.text))
            certain = len(self.text) if sure else markers.unfinished(self.text, self.place)
            if found and found.start() < certain:
                self._pass(found.start(), passed)
                self.place = found.end()
                return found.group()
            self._pass(certain, passed)
            if self.closed:
                return None
            yield

    def here(self, markers: Markers) -> Reading[str | None]:
        """Read the marker that stands here and return it; ``None`` if none does."""
        while not self.closed and markers.unfinished(self.text, self.place) == self.place:
            yield
        found = markers.pattern.match(self.text, self.place)
        self.place = found.end() if found else self.place
        return found.group() if found else None

    def drop_cut_off(self, markers: Markers) -> Reading[None]:
        """Read over the beginning of a marker that the text ends with here."""
        while markers.unfinished(self.text, self.place) == self.place:
            if self.closed:
                self.place = len(self.text)
                return
            yield

    def skip(self, pattern: re.Pattern[str]) -> Reading[str]:
        """Read over ``pattern``, a repeated set of characters; return the character behind it,
        which is not read, or ``""`` at the end of the text."""
        while True:
            found = pattern.match(self.text, self.place)
            self.place = found.end() if found else self.place
            if self.place < len(self.text) or self.closed:
                return self.text[self.place : self.place + 1]
            yield

    def _pass(self, end: int, passed: Callable[[str], object]) -> None:
        if end > self.place:
            passed(self.text[self.place : end])
            self.place = end
