"""What answers a call: a result, or a sentence that says why there is none."""

import traceback
from collections.abc import Callable
from typing import NamedTuple

from infra.calls.nesting import check_depth
from infra.types import Json


class Answered(NamedTuple):
    """What the model is told of a call; ``error`` says why it has no result."""

    value: Json
    error: str | None = None


def failed(sentence: str) -> Answered:
    """No result, and why."""
    return Answered({"error": sentence}, sentence)


def outcome(work: Callable[[], Json]) -> Answered:
    """What ``work`` gives, if it can be told, or what it raises."""
    try:
        value = work()
        check_depth(value)
    except BaseException as error:  # it may raise anything, and the model is told
        return failed("".join(traceback.format_exception_only(error)).strip())
    return Answered(value)
