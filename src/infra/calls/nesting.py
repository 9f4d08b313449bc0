"""How deep JSON may be nested, in a call's arguments or in a result."""

from infra.types import Json

#: levels of objects and arrays; more would break writers that recurse
DEEPEST = 100


def check_depth(value: Json) -> None:
    """
    Raises:
        ValueError: it is nested deeper than DEEPEST.
    """
    layer, depth = [value], 0
    while layer := [child for each in layer for child in _children(each)]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _children(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
