"""plugins/speed.py: numbers worked out by hand, and none at all where there is nothing to count."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.plugins import registry
from infra.types import Facts, Generation, Measure, Prompt, Record, Stage

METRICS = {
    name: offer.value
    for name, offer in registry().offers["infra_metrics"].items()
    if offer.plugin.name == "speed"
}
PROMPT = Prompt("p", ())
NOTHING = Record({}, "FAILED", "killed", 0.0, (), (), None)


def answer(start: float, *times: float, end: float | None, **others: Any) -> Generation:
    """A request whose prompt of 10 tokens is evaluated from 0.5 s after its start on."""
    first = times[0] if times else None
    known: dict[str, Any] = {"evaluated": 10, "first_text": first, **others}
    return Generation(
        0, PROMPT, start, 10, "", prefill_start=start + 0.5, ids=tuple(range(len(times))),
        times=times, end=end, **known,
    )  # fmt: skip


#: three requests: tokens each 1 s and 2 s apart; one is cut off; one gave nothing
RECORD = replace(
    NOTHING,
    stages=(
        Stage("import", 0, 1.5),
        Stage("load", 2, 5),
        Stage("warmup", 5, 5.25),
        Stage("generate", 6, 20),
    ),
    generations=(
        answer(0, 1, 2, 3, 4, end=4.0),
        answer(10, 12.5, 14.5, 16.5, end=17.0, evaluated=4, first_text=14.5),
        answer(20, 21.5, 22, end=None),
        answer(30, end=None),
    ),
    warmup=(answer(0, 100, 200, end=300.0),),
)


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("import_s", 1.5, 1),
        ("load_s", 3, 1),
        ("warmup_s", 0.25, 1),
        ("generate_s", 14, 1),
        # 1, 4.5, 1.5
        ("ttft_p50", 1.5, 3),
        ("ttft_p95", 1.5 + 0.9 * 3, 3),
        ("ttft_p99", 1.5 + 0.98 * 3, 3),
        # 0.5, 1, 1, 1, 2, 2
        ("itl_p50", 1, 6),
        ("itl_p95", 2, 6),
        ("itl_p99", 2, 6),
        # 4, 7
        ("e2e_p50", 5.5, 2),
        ("e2e_p95", 4 + 0.95 * 3, 2),
        ("e2e_p99", 4 + 0.99 * 3, 2),
        ("prefill_tps", (10 + 4 + 10) / (0.5 + 2 + 1), 3),
        ("decode_tps", (3 + 2 + 1) / (3 + 4 + 0.5), 3),
        # (4 - 1) / 3, (7 - 4.5) / 2
        ("tpot", (1 + 1.25) / 2, 2),
        ("generated_tokens", 4 + 3 + 2, 4),
    ],
)
def test_is_what_it_says(name: str, value: float, n: int) -> None:
    found = METRICS[name].compute(RECORD)
    assert found is not None
    assert found.value == pytest.approx(value)
    assert found.n == n


def test_nothing_else_is_measured_here() -> None:
    assert len(METRICS) == 18


@pytest.mark.parametrize("name", METRICS)
def test_is_defined_and_has_a_unit(name: str) -> None:
    assert len(METRICS[name].compute.__doc__) > 20
    assert METRICS[name].unit in {"s", "tokens", "tokens/s"}


@pytest.mark.parametrize("name", METRICS)
def test_is_absent_where_nothing_was_generated(name: str) -> None:
    assert METRICS[name].compute(NOTHING) is None


@pytest.mark.parametrize("name", ["prefill_tps", "decode_tps"])
def test_no_rate_without_time(name: str) -> None:
    sudden = answer(0, 0.5, 0.5, end=0.5)
    assert METRICS[name].compute(replace(NOTHING, generations=(sudden,))) is None


def test_a_request_of_one_token_has_no_pace() -> None:
    short = replace(NOTHING, generations=(answer(0, 1, end=1.0),))
    assert METRICS["tpot"].compute(short) is None
    assert METRICS["decode_tps"].compute(short) is None
    assert METRICS["e2e_p50"].compute(short) == Measure(1.0, 1)


SECONDS = st.floats(0, 1e6)
GENERATIONS = st.builds(
    Generation,
    index=st.integers(0, 9),
    prompt=st.just(PROMPT),
    start=SECONDS,
    prompt_ids=st.integers(0, 99),
    prompt_sha256=st.just(""),
    evaluated=st.integers(0, 99),
    prefill_start=SECONDS,
    ids=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    times=st.lists(SECONDS, max_size=3).map(tuple),
    first_text=st.none() | SECONDS,
    end=st.none() | SECONDS,
    exact=st.none() | st.booleans(),
)
BYTES = st.none() | st.integers(0, 10**12)
KEYS = st.sampled_from(["peak", "anonymous", "mapped", "read", "device"])
STAGES = st.builds(
    Stage,
    st.sampled_from(["import", "load", "warmup", "generate", "parse"]),
    SECONDS,
    SECONDS,
    st.dictionaries(KEYS, BYTES),
)
SAMPLES = st.fixed_dictionaries(
    {"t": SECONDS}, optional={"cpu": SECONDS, "gpu": SECONDS, "rss": SECONDS, "tokens": SECONDS}
)
FACTS = st.builds(
    Facts, engine=st.just("e 1"), device=st.just("cpu"), dtype=st.just("f"), threads=st.none(),
    parameters=st.integers(0, 10), weight_bytes=st.integers(0, 10), context=st.integers(0, 10),
)  # fmt: skip
RECORDS = st.builds(
    Record,
    plan=st.just({}),
    status=st.sampled_from(["FINISHED", "FAILED", "KILLED"]),
    cause=st.none(),
    started=SECONDS,
    stages=st.lists(STAGES, max_size=3).map(tuple),
    generations=st.lists(GENERATIONS, max_size=3).map(tuple),
    facts=st.none() | FACTS,
    samples=st.lists(SAMPLES, max_size=3),
)


@given(RECORDS)
@settings(deadline=None)
def test_no_bundled_metric_raises_on_any_record(record: Record) -> None:
    for offer in registry().offers["infra_metrics"].values():
        found = offer.value.compute(record)
        assert found is None or (isinstance(found, Measure) and found.n > 0)
