"""plugins/routing.py: numbers worked out by hand, and none where nothing was counted."""

from dataclasses import replace

import pytest

from infra.plugins import registry
from infra.types import Record, Routing

METRICS = {
    name: offer.value
    for name, offer in registry().offers["infra_metrics"].items()
    if offer.plugin.name == "routing"
}
NOTHING = Record({}, "FINISHED", None, 0.0, (), (), None)
DECODE = Routing(
    "decode", 10, ((), (0, 5, 5, 10)), overlap=0.25, wanted=4000, read=1000, waited=0.5, seconds=2
)
RECORD = replace(NOTHING, routing=(DECODE,))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("experts_touched", 0.75),
        ("routing_overlap", 0.25),
        ("expert_bytes_wanted", 400),
        ("expert_bytes_read", 100),
        ("expert_hit_rate", 0.75),
        ("expert_wait_share", 0.25),
    ],
)
def test_of_decode(name: str, value: float) -> None:
    measure = METRICS[f"{name}_decode"].compute(RECORD)
    assert measure is not None
    assert (measure.value, measure.n) == (value, 10)
    assert METRICS[f"{name}_prefill"].compute(RECORD) is None


def test_reading_ahead_is_no_negative_hit_rate() -> None:
    record = replace(RECORD, routing=(replace(DECODE, read=9000),))
    measure = METRICS["expert_hit_rate_decode"].compute(record)
    assert measure is not None
    assert measure.value == 0


def test_what_is_unknown_has_no_measure() -> None:
    bare = Routing("decode", 10, ((1, 1),))
    found = {name: each.compute(replace(RECORD, routing=(bare,))) for name, each in METRICS.items()}
    assert [name for name, each in found.items() if each is not None] == ["experts_touched_decode"]


def test_nothing_counted_nothing_measured() -> None:
    assert all(each.compute(NOTHING) is None for each in METRICS.values())
