"""Choices as they are written: whole on the command line, in few digits for people."""

import json
from collections.abc import Iterable

from infra.types import Json

#: significant digits of a fraction
DIGITS = 6


def word(value: Json) -> str:
    """As the command line writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def rounded(text: str) -> str:
    """A fraction in few digits; any other word as it is.

    >>> rounded("0.30000000000000004"), rounded("1.0"), rounded("1234567890"), rounded("q4")
    ('0.3', '1.0', '1234567890', 'q4')
    """
    try:
        number = float(text) if "." in text else 0
    except ValueError:
        return text
    near = float(f"{number:.{DIGITS}g}")
    return text if near == number else str(near)


def legible(values: Iterable[Json]) -> dict[str, str]:
    """How each of some values, by its ``word``, is shown: rounded, unless two would look alike."""
    found = {text: rounded(text) for text in map(word, values)}
    return found if len(set(found.values())) == len(found) else {text: text for text in found}
