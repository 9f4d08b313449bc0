"""infra.scoring: when calls are the expected ones."""

import pytest

from infra.scoring import equal, exact
from infra.types import Call, Json

WEATHER = Call("weather", {"city": "Oslo", "days": 3})
TIME = Call("time", {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (0.0, False, False),
        (True, True, True),
        (None, None, True),
        (None, False, False),
        ("1", 1, False),
        (2**53 + 1, float(2**53), False),
        (2**64, 2**64, True),
        ([1, 2], [1.0, 2.0], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([], {}, False),
        ({"a": 1, "b": [True]}, {"b": [True], "a": 1}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": None}, {}, False),
        ("é", "é", True),
        ("é", "e\u0301", False),
    ],
)
def test_json_equality(one: Json, other: Json, same: bool) -> None:
    assert equal(one, other) is same
    assert equal(other, one) is same


def test_no_call_where_none_is_expected_is_exact() -> None:
    assert exact([], [])


def test_ids_do_not_count() -> None:
    assert exact([Call("time", {}, id="7")], [TIME])


@pytest.mark.parametrize(
    "calls",
    [
        [],
        [WEATHER],
        [TIME, WEATHER],
        [WEATHER, TIME, TIME],
        [Call("wetter", WEATHER.arguments), TIME],
        [Call("weather", {"city": "Oslo"}), TIME],
        [Call("weather", {**WEATHER.arguments, "unit": "celsius"}), TIME],
        [Call("weather", {"city": "Oslo", "days": "3"}), TIME],
    ],
)
def test_anything_else_is_not(calls: list[Call]) -> None:
    assert exact([WEATHER, TIME], [WEATHER, TIME])
    assert not exact(calls, [WEATHER, TIME])
