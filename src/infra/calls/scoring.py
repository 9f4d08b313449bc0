"""Whether a model's tool calls are the right ones, by JSON equality, and how sure a share is."""

import math
from collections.abc import Callable, Mapping, Sequence

from infra.types import Call, Expected, Json, Measure

#: standard deviations around the middle that hold 95 % of a normal distribution
DEVIATIONS = 1.959964


def exact(calls: Sequence[Call], expected: Sequence[Expected]) -> bool:
    """Whether ``calls`` are the expected ones: same names and right arguments, in the same order.

    >>> exact([Call("f", {"n": 1.0})], [Expected("f", {"n": 1})])
    True
    """
    return len(calls) == len(expected) and all(map(_is, calls, expected))


def equal(one: Json, other: Json) -> bool:
    """JSON equality: numbers by value, so ``1`` is ``1.0``; but ``true`` is never ``1``."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def share(hits: float, n: int) -> Measure:
    """``hits`` of ``n`` with its 95 % Wilson interval (Wilson 1927); 90 of 100: 0.826 to 0.945."""
    rate, square = hits / n, DEVIATIONS**2
    middle = (rate + square / (2 * n)) / (1 + square / n)
    spread = math.sqrt(rate * (1 - rate) / n + square / (4 * n * n)) * DEVIATIONS / (1 + square / n)
    return Measure(rate, n, max(0.0, middle - spread), min(1.0, middle + spread))


def _is(made: Call, wanted: Expected) -> bool:
    chosen = {key: value for key, value in made.arguments.items() if key not in wanted.arguments}
    fixed = {key: value for key, value in made.arguments.items() if key in wanted.arguments}
    return (
        made.name == wanted.name
        and equal(fixed, wanted.arguments)
        and _chosen(chosen, wanted.acceptable, _is_choice)
    )


def _is_choice(value: Json, choice: Json) -> bool:
    if isinstance(value, list) and isinstance(choice, list):
        return len(value) == len(choice) and all(map(_is_item, value, choice))
    return _is_item(value, choice)


def _is_item(value: Json, choice: Json) -> bool:
    if isinstance(value, dict) and isinstance(choice, dict):
        return _chosen(value, choice, equal)
    return equal(value, choice)


def _chosen(
    given: Mapping[str, Json],
    choices: Mapping[str, Sequence[Json]],
    fits: Callable[[Json, Json], bool],
) -> bool:
    """Whether each value fits one of its choices, and nothing is left out that must be there."""
    left_out = (values for key, values in choices.items() if key not in given)
    return all("" in values for values in left_out) and all(
        any(fits(value, choice) for choice in choices.get(key, ())) for key, value in given.items()
    )
