"""Whether a model's tool calls are the right ones, by JSON equality."""

from collections.abc import Sequence

from infra.types import Call, Json


def exact(calls: Sequence[Call], expected: Sequence[Call]) -> bool:
    """Whether ``calls`` are the expected ones: same names and arguments, in the same order.

    >>> exact([Call("f", {"n": 1.0})], [Call("f", {"n": 1})])
    True
    """
    return len(calls) == len(expected) and all(
        made.name == wanted.name and equal(made.arguments, wanted.arguments)
        for made, wanted in zip(calls, expected, strict=True)
    )


def equal(one: Json, other: Json) -> bool:
    """JSON equality: numbers by value, so ``1`` is ``1.0``; but ``true`` is never ``1``."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
