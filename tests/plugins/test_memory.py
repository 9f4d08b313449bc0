"""plugins/memory.py: numbers worked out by hand. That none raises is tested in test_speed.py."""

from dataclasses import replace

import pytest

from infra.plugins import registry
from infra.types import Facts, Measure, Record, Stage

METRICS = {
    name: offer.value
    for name, offer in registry().offers["infra_metrics"].items()
    if offer.plugin.name == "memory"
}
NOTHING = Record({}, "FAILED", "killed", 0.0, (), (), None)
RECORD = replace(
    NOTHING,
    stages=(
        Stage("import", 0, 1, {"peak": 900, "read": 50, "device": None}),
        Stage("load", 1, 2, {"peak": 600, "anonymous": 1, "mapped": 2, "read": 80, "device": 70}),
        Stage(
            "generate", 2, 6, {"peak": 700, "anonymous": 30, "mapped": 40, "read": 90, "device": 90}
        ),
        Stage("parse", 6, 7, {"peak": None, "anonymous": 5, "read": 95, "device": 80}),
    ),
    facts=Facts("e 1", "cpu", "float32", 64, 36, 128, 2),
    samples=(
        {"t": 1, "cpu": 0, "gpu": 7},
        {"t": 2, "cpu": 10, "gpu": 20},
        {"t": 3, "cpu": 11},
        {"t": 4, "gpu": 40},
        {"t": 5, "cpu": 14.5},
        {"t": 6.5, "cpu": 99, "gpu": 9},
    ),
)


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("peak_memory", 700, 1),
        ("anonymous_memory", 30, 1),
        ("mapped_memory", 40, 1),
        ("device_memory", 90, 1),
        ("disk_read", 95 - 50, 1),
        ("weight_bytes", 36, 1),
        ("bits_per_weight", 4.5, 1),
        ("cpu_percent", 150, 3),
        ("gpu_percent", 30, 2),
    ],
)
def test_is_what_it_says(name: str, value: float, n: int) -> None:
    assert METRICS[name].compute(RECORD) == Measure(value, n)


@pytest.mark.parametrize("name", METRICS)
def test_is_defined_and_absent_where_nothing_was_seen(name: str) -> None:
    assert len(METRICS[name].compute.__doc__) > 20
    assert METRICS[name].unit in {"bytes", "bits", "%"}
    assert METRICS[name].compute(NOTHING) is None


def test_nothing_else_is_measured_here() -> None:
    assert len(METRICS) == 9


def test_memory_of_a_run_that_did_not_generate_is_not_told() -> None:
    loaded = replace(RECORD, stages=RECORD.stages[:2])
    assert METRICS["anonymous_memory"].compute(loaded) is None
    assert METRICS["peak_memory"].compute(loaded) == Measure(600, 1)
    assert METRICS["disk_read"].compute(loaded) == Measure(30, 1)


def test_one_sample_says_nothing_of_the_processor() -> None:
    assert METRICS["cpu_percent"].compute(replace(RECORD, samples=RECORD.samples[1:2])) is None


def test_a_reused_process_has_read_nothing_for_this_run_before_it_was_taken_over() -> None:
    taken = Stage("reuse", 0, 0, {"read": 800})
    reused = replace(RECORD, stages=(taken, Stage("generate", 1, 2, {"read": 830})))
    assert METRICS["disk_read"].compute(reused) == Measure(30, 1)
