"""infra.calls.events: what events add up to."""

from infra.calls.events import (
    Arguments,
    CallEnd,
    CallStart,
    Content,
    Event,
    Problem,
    Reasoning,
    total,
)
from infra.types import Call, Reply

EVENTS: list[Event] = [
    Reasoning("hm"),
    Content("Let me "),
    CallStart(0, "f", "id"),
    Arguments(0, '{"a"'),
    Arguments(0, ": [1]}"),
    CallEnd(0),
    Problem("p"),
    Content("see."),
    CallStart(1, "g"),
    Arguments(1, "{"),
]


def test_events_add_up_to_a_reply_of_the_complete_calls() -> None:
    assert total(EVENTS) == Reply("Let me see.", "hm", (Call("f", {"a": [1]}, "id"),), ("p",))


def test_no_events_are_an_empty_reply() -> None:
    assert total([]) == Reply()
