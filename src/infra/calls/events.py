"""What a parser tells while a text comes in. Nothing that was told is ever taken back.

A call is announced once its text is known to be whole: ``CallStart``, one or more ``Arguments``
whose texts join to a JSON object, ``CallEnd``. Indices count from 0 without gaps.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.types import Call, Reply


@dataclass(frozen=True, slots=True)
class Content:
    """More of the answer that is meant for people."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """More of what the model thought before it answered."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """A call begins; ``id`` is the one that the model gave, if any."""

    index: int
    name: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Arguments:
    """More of the JSON object that holds a call's arguments."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The call is complete."""

    index: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence about something that could not be read."""

    text: str


Event = Content | Reasoning | CallStart | Arguments | CallEnd | Problem


def total(events: Iterable[Event]) -> Reply:
    """What the events add up to; a call counts once it is complete."""
    told = list(events)
    return Reply(
        content="".join(event.text for event in told if isinstance(event, Content)),
        reasoning="".join(event.text for event in told if isinstance(event, Reasoning)),
        calls=_calls(told),
        problems=tuple(event.text for event in told if isinstance(event, Problem)),
    )


def _calls(told: Sequence[Event]) -> tuple[Call, ...]:
    texts = defaultdict[int, list[str]](list)
    for event in told:
        if isinstance(event, Arguments):
            texts[event.index].append(event.text)
    complete = {event.index for event in told if isinstance(event, CallEnd)}
    return tuple(
        Call(event.name, json.loads("".join(texts[event.index])), event.id)
        for event in told
        if isinstance(event, CallStart) and event.index in complete
    )
