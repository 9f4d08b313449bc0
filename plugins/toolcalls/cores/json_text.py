"""What a JSON text says, and how arguments are written."""

import json
import math
from typing import NoReturn

from infra.calls.nesting import check_depth
from infra.types import Json


def decode(text: str) -> Json:
    """The value of a JSON text. Line breaks inside strings are let through, as models write
    them; integers are exact; NaN and numbers beyond a double are not JSON.

    Raises:
        ValueError: it is not JSON, it is nested too deeply, or an integer has too many digits.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def end_of_whole(text: str, place: int) -> int | None:
    """Where the value that begins at ``place`` ends, if it is all there and valid."""
    try:
        return _DECODER.raw_decode(text, place)[1]
    except (ValueError, RecursionError):
        return None


def encode(arguments: Json) -> str:
    """JSON on one line, beyond ASCII unescaped.

    Raises:
        ValueError: it is nested too deeply.
    """
    check_depth(arguments)
    return _ENCODER.encode(arguments)


def shortened(text: str, size: int = 60) -> str:
    """The beginning of a text, quoted for a sentence."""
    return repr(text if len(text) <= size else f"{text[: size - 1]}…")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shortened(text)} is beyond any double")
    return number


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(strict=False, parse_float=_finite, parse_constant=_refused)
_ENCODER = json.JSONEncoder(ensure_ascii=False)
