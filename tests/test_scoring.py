"""infra.calls.scoring: when calls are the expected ones."""

import pytest

from infra.calls.scoring import equal, exact, share
from infra.types import Call, Expected, Json

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
    assert exact([Call("time", {}, id="7")], [Expected("time")])


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
    expected = [Expected("weather", WEATHER.arguments), Expected("time")]
    assert exact([WEATHER, TIME], expected)
    assert not exact(calls, expected)


CHOICES: dict[str, list[Json]] = {
    "city": ["Oslo", "oslo"],
    "unit": ["C", ""],
    "at": [{"x": [1, 2], "y": [0, ""]}, [{"x": [1]}]],
}


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        ({"days": 3, "city": "oslo", "at": {"x": 1}}, True),
        ({"days": 3, "city": "Oslo", "unit": "C", "at": {"x": 2, "y": 0}}, True),
        ({"days": 3, "city": "Oslo", "at": [{"x": 1.0}]}, True),
        ({"days": 3, "city": "OSLO", "at": {"x": 1}}, False),
        ({"days": 3, "city": "Oslo"}, False),
        ({"city": "Oslo", "at": {"x": 1}}, False),
        ({"days": True, "city": "Oslo", "at": {"x": 1}}, False),
        ({"days": 3, "city": "Oslo", "at": {"x": True}}, False),
        ({"days": 3, "city": "Oslo", "at": {"x": 3}}, False),
        ({"days": 3, "city": "Oslo", "at": {"y": 0}}, False),
        ({"days": 3, "city": "Oslo", "at": [{"x": 1}, {"x": 1}]}, False),
        ({"days": 3, "city": "Oslo", "at": {"x": 1}, "more": 1}, False),
    ],
)
def test_one_of_several_acceptable_values(arguments: dict[str, Json], right: bool) -> None:
    assert exact([Call("f", arguments)], [Expected("f", {"days": 3}, CHOICES)]) is right


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (90, 100, 0.8256, 0.9448), (1, 1, 0.2065, 1.0)],
)
def test_a_share_has_its_wilson_interval(hits: int, n: int, low: float, high: float) -> None:
    assert share(hits, n) == pytest.approx((hits / n, n, low, high), abs=1e-4)
