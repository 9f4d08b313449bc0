"""What a prompt's line says that its tools answer, so that nothing has to run.

``"results"`` is a list of ``{"name": NAME, "result": VALUE}``, any JSON value, perhaps with the
``"arguments"`` that it is the result of. The first one that fits a call answers it.
"""

from infra.calls.scoring import equal
from infra.types import Call, Canned, Json, Prompt

KEYS = {"name", "arguments", "result"}


def from_json(value: Json) -> tuple[Canned, ...]:
    """The results that a line has, none where it says nothing.

    Raises:
        ValueError: what is wrong with them.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError("'results' must be a list of objects with 'name' and 'result'")
    return tuple(map(_canned, value))


def to_json(results: tuple[Canned, ...]) -> Json:
    """The value that ``from_json`` reads."""
    return [_row(each) for each in results]


def fitting(call: Call, prompt: Prompt) -> Canned | None:
    """The first result that the prompt has for this call; one without arguments fits any."""
    for each in prompt.results:
        free = each.arguments is None
        if each.name == call.name and (free or equal(each.arguments, call.arguments)):
            return each
    return None


def _row(canned: Canned) -> Json:
    row: dict[str, Json] = {"name": canned.name, "result": canned.result}
    return row if canned.arguments is None else row | {"arguments": canned.arguments}


def _canned(value: Json) -> Canned:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError("each of 'results' must be an object with 'name' and 'result'")
    if "result" not in value:
        raise ValueError(f"a result of {value['name']!r} has no 'result'")
    if unknown := set(value) - KEYS:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} in 'results'; it has {sorted(KEYS)}")
    if not isinstance(value.get("arguments"), dict | None):
        raise ValueError("the 'arguments' of 'results' must be an object")
    return Canned(**value)
