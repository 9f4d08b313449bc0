"""What a prompt expects, as its line writes it.

``"expected"`` is ``"any"`` (at least one call) or a list of calls, empty if no call is right. A
call is ``{"name": NAME}`` with ``"arguments"``, one right value for a parameter, ``"acceptable"``,
a list of them, or some parameters in one and some in the other; see ``infra.types.Expected``.
"""

from typing import Literal

from infra.types import Expected, Json

KEYS = {"name", "arguments", "acceptable"}


def from_json(value: Json) -> tuple[Expected, ...] | Literal["any"] | None:
    """What is expected; nothing is known where the line says nothing.

    Raises:
        ValueError: what is wrong with it.
    """
    if value is None:
        return None
    if value == "any":
        return "any"
    if not isinstance(value, list):
        raise ValueError("'expected' must be a list of calls, or \"any\"")
    return tuple(_call(each) for each in value)


def to_json(expected: tuple[Expected, ...] | Literal["any"]) -> Json:
    """The value that ``from_json`` reads."""
    return expected if isinstance(expected, str) else [_row(call) for call in expected]


def _row(call: Expected) -> Json:
    row: dict[str, Json] = {"name": call.name}
    if call.arguments or not call.acceptable:
        row["arguments"] = call.arguments
    return row | ({"acceptable": call.acceptable} if call.acceptable else {})


def _call(value: Json) -> Expected:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError("each of 'expected' must be an object with 'name' and 'arguments'")
    if unknown := set(value) - KEYS:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} in 'expected'; it has {sorted(KEYS)}")
    arguments, acceptable = value.get("arguments", {}), value.get("acceptable", {})
    if not isinstance(arguments, dict):
        raise ValueError("the 'arguments' of 'expected' must be an object")
    if not _are_choices(acceptable):
        raise ValueError(
            "'acceptable' must have a list of values for each parameter, and in an object among "
            "them a list for each key"
        )
    if twice := set(arguments) & set(acceptable):
        raise ValueError(f"{sorted(twice)[0]!r} is in 'arguments' and in 'acceptable'")
    return Expected(value["name"], arguments, acceptable)


def _are_choices(value: Json) -> bool:
    if not _are_lists(value):
        return False
    choices = [choice for listed in value.values() for choice in listed]
    items = [item for each in choices for item in (each if isinstance(each, list) else [each])]
    return all(_are_lists(item) for item in items if isinstance(item, dict))


def _are_lists(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(each, list) for each in value.values())
