"""What becomes a flag, and what does not."""

from typing import Any

from infra.conditions import flags
from infra.conditions.counters import Counters

CALM = Counters(time=100, cpus=(0, 1), busy=50, ours=40, frequency_limit=3000)
NOTHING = {"asked": "asis", "effective": "warm", "read": 0, "weights": 10}


def after(**changed: Any) -> tuple[str, ...]:
    """The flags of ten seconds in which we worked for 15 CPU-seconds, and this changed."""
    later = CALM._replace(time=110, busy=65, ours=55)._asdict()
    return flags.between(CALM, Counters(**{**later, **changed}), (), NOTHING)


def test_a_calm_machine_has_none() -> None:
    assert after() == ()
    assert after(busy=65.4, stolen=0.4, swapped_in=4096, frequency_limit=2990) == ()


def test_a_machine_that_counts_nothing_has_none() -> None:
    nothing = Counters(time=1, cpus=(0,))
    assert flags.between(nothing, nothing._replace(time=2, ours=9), (), NOTHING) == ()
    assert flags.between(nothing, nothing, (), {"asked": "asis", "effective": "unknown"}) == ()


def test_each_flag_is_a_sentence_with_its_numbers() -> None:
    assert after(busy=73) == ("other processes took 0.80 CPUs, of 2 that the run may use",)
    assert after(stolen=1) == (
        "the virtual machine's host withheld 0.10 CPUs, of 2 that the run may use (steal time)",
    )
    assert after(swapped_in=2.5e6, swapped_out=1e6) == (
        "the machine swapped 2.5 MB in and 1.0 MB out",
    )
    assert after(overheated=4) == ("CPUs slowed down because of heat: their counters rose by 4",)
    assert after(stopped=3, stopped_seconds=1.25) == (
        "a cgroup's CPU quota stopped the run 3 times, for 1.25 s in all",
    )
    assert after(frequency_limit=1500) == (
        "the CPUs' highest allowed frequency fell from 3000 to 1500 MHz",
    )


def test_other_cpus_than_before_are_said_and_not_summed() -> None:
    assert after(cpus=(1,), busy=4000, stolen=4000) == (
        "the CPUs that the run may use changed from 0, 1 to 1",
    )


def test_all_are_told() -> None:
    assert len(after(busy=90, stolen=9, swapped_out=9e9, overheated=1, stopped=1)) == 5


def test_a_cache_that_was_not_as_asked_is_one() -> None:
    cache = {"asked": "cold", "effective": "warm", "read": 0, "weights": 10}
    assert flags.between(CALM, CALM, (), cache) == (
        "cache=cold was asked for, and 0% of the weights came from disk",
    )
