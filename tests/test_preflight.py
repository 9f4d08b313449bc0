"""What is estimated before a run, and when it is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import Done
from infra import testing
from infra.plan import Plan
from infra.plugins import bundled, registry
from infra.resources import limits, machine, preflight
from infra.types import Estimate, Prompt

TINY = bundled("plugins") / "tiny_moe" / "weights"
PROMPT = Prompt("p", ({"role": "user", "content": "hello"},))
GB = 10**9


@pytest.fixture
def plan() -> Plan:
    return testing.plan_for(TINY, "transformers")


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what a run is estimated to take, and what is free."""

    def set_to(free: int, **parts: Any) -> None:
        found = Estimate(**{"engine": 0, "weights": 0, **parts})
        monkeypatch.setattr(preflight, "estimate", lambda *_: found)
        monkeypatch.setattr(limits, "available", lambda: free)

    return set_to


def test_what_must_stay_counts_and_what_may_be_dropped_does_not() -> None:
    found = Estimate(engine=1, weights=10, mapped=100, kept=20, cache=4, compute=5, transient=3)
    assert (found.needed, found.peak) == (40, 120)
    assert replace(found, transient=30).needed == 61


def test_a_run_that_fits_has_no_problem(plan: Plan, needs: Callable[..., None]) -> None:
    needs(10 * GB, weights=9 * GB)
    told = preflight.judge(plan, [PROMPT])
    assert told.problem is None
    assert (told.estimate["weights"], told.estimate["available"]) == (9 * GB, 10 * GB)


def test_an_estimate_may_be_too_high_by_a_tenth(plan: Plan, needs: Callable[..., None]) -> None:
    needs(10 * GB, weights=11 * GB)
    assert preflight.judge(plan, [PROMPT]).problem is None


def test_a_run_that_does_not_fit_hears_what_would(plan: Plan, needs: Callable[..., None]) -> None:
    needs(10 * GB, weights=16 * GB, engine=GB)
    said = preflight.judge(plan, [PROMPT]).problem or ""
    assert "17.00 GB (weights 16.00, the engine 1.00)" in said
    assert "this machine has 10.00 GB free" in said
    assert "quantization=q8" in said
    assert "experts.residency=stream" not in said, "which needs as much, by this estimate"
    assert "fewer active experts need no less" in said


@pytest.mark.parametrize(("shared", "offered"), [(9 * GB, True), (11 * GB, False)])
def test_streaming_is_offered_where_what_it_leaves_in_memory_fits(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, shared: int, offered: bool
) -> None:
    def estimate(plan: Plan, _: object) -> Estimate:
        streams = plan.experts.residency == "stream"
        return Estimate(engine=0, weights=shared if streams else 16 * GB)

    monkeypatch.setattr(preflight, "estimate", estimate)
    monkeypatch.setattr(limits, "available", lambda: 10 * GB)
    said = preflight.judge(plan, [PROMPT]).problem or ""
    assert ("experts.residency=stream" in said) == offered
    dense = replace(plan, model=replace(plan.model, experts=None))
    said = preflight.judge(dense, [PROMPT]).problem or ""
    assert "experts" not in said


@pytest.mark.parametrize("backend", ["llama_cpp", "transformers", "mlx"])
def test_what_contradicts_streaming_does_not_fit_by_it(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked for that rules it out is not estimated as if it were left out."""
    file = TINY / "tiny-moe-f16.gguf" if backend == "llama_cpp" else TINY
    plan = testing.plan_for(file, backend)
    if backend == "llama_cpp":
        plan = replace(plan, load=replace(plan.load, repack=True))
    if backend == "transformers":
        plan = replace(plan, quantization="q8")
    monkeypatch.setattr(limits, "available", lambda: 1000)
    said = preflight.judge(plan, [PROMPT]).problem or ""
    assert "needs about" in said
    assert "experts.residency=stream" not in said


def test_half_the_context_is_offered_where_it_is_enough(
    plan: Plan, needs: Callable[..., None]
) -> None:
    plan = replace(plan, load=replace(plan.load, context=4096))
    needs(10 * GB, weights=2 * GB, cache=12 * GB)
    assert "load.context=2048" in (preflight.judge(plan, [PROMPT]).problem or "")


def test_a_limit_is_what_counts(plan: Plan, needs: Callable[..., None]) -> None:
    needs(10 * GB, weights=9 * GB)
    told = preflight.judge(replace(plan, memory=GB), [PROMPT])
    assert "limits.memory=1,000,000,000 bytes" in (told.problem or "")


def test_what_is_not_known_is_not_refused(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "available", lambda: 1)
    assert preflight.judge(replace(plan, backend="echo"), [PROMPT]) == ({}, None)
    assert preflight.judge(replace(plan, preflight="off"), [PROMPT]) == ({}, None)
    assert preflight.judge(replace(plan, isolation="none"), [PROMPT]) == ({}, None)


@pytest.mark.parametrize("backend", ["transformers", "mlx"])
def test_a_broken_checkpoint_is_not_known(backend: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"no")
    assert preflight.estimate(testing.plan_for(tmp_path, backend), [PROMPT]) is None


def test_an_accelerator_is_not_known(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "ACCELERATORS", (tmp_path,))
    assert preflight.estimate(plan, [PROMPT]) is None
    there = replace(plan, load=replace(plan.load, device="cpu"))
    assert preflight.estimate(there, [PROMPT]) is not None


def test_a_request_is_as_long_as_its_prompt_and_answer_but_no_longer_than_the_context(
    plan: Plan,
) -> None:
    short = preflight.longest(plan, [PROMPT])
    long = Prompt("q", ({"role": "user", "content": "hello " * 100},))
    assert plan.sampling.max_tokens < short < preflight.longest(plan, [PROMPT, long])
    tight = replace(plan, load=replace(plan.load, context=100))
    assert preflight.longest(tight, [long]) == 100


def test_what_an_import_took_is_remembered(plan: Plan) -> None:
    here = replace(plan, versions={"engine": "made up"})
    assert preflight.base(here, 7) == 7
    preflight.learn(here, 123)
    assert preflight.base(here, 7) == 123


def test_llama_cpp_reserves_more_for_a_longer_context_and_repacks() -> None:
    file = TINY / "tiny-moe-f16.gguf"
    short, long = (
        preflight.estimate(testing.plan_for(file, "llama_cpp", context=context), [PROMPT])
        for context in (512, 1024)
    )
    assert short is not None
    assert long is not None
    # two tensors of two bytes: 3 layers, 4 heads of 32 numbers
    assert (short.cache, long.cache) == (2 * 2 * 3 * 128 * 512, 2 * 2 * 3 * 128 * 1024)
    assert short.kept < short.mapped == file.stat().st_size


def test_what_llama_cpp_locks_is_among_what_must_stay() -> None:
    plan = testing.plan_for(TINY / "tiny-moe-f16.gguf", "llama_cpp", context=512)
    plan = replace(plan, experts_active=2)
    experts = 3 * 8 * 3 * 256 * 256 * 2  # layers, experts, matrices of two bytes a number
    found = []
    for pin in (0, 1, 1000):
        asked = replace(plan.experts, residency="stream", pin=pin)
        found.append(preflight.estimate(replace(plan, experts=asked), [PROMPT]))
    none, one, all_ = found
    assert none is not None
    assert one is not None
    assert all_ is not None
    assert one.kept == none.kept + 10**6
    assert all_.kept == none.kept + experts - experts // 4, "no more than there are"
    assert one.peak == all_.peak == none.peak, "they are pages of the file"


@pytest.mark.parametrize(("dtype", "width", "staged"), [("auto", 2, 2), ("float32", 4, 2 + 4)])
def test_of_streamed_experts_transformers_holds_no_more_than_a_layer(
    plan: Plan, dtype: str, width: int, staged: int
) -> None:
    """As they are stored, in two bytes each, and once more in another dtype."""
    asked = replace(plan.experts, residency="stream")
    plan = replace(plan, experts=asked, load=replace(plan.load, dtype=dtype))
    found = preflight.estimate(plan, [PROMPT])
    assert found is not None
    layer, all_ = 8 * 3 * 256 * 256, (TINY / "model.safetensors").stat().st_size / 2
    wanted = (all_ - 3 * layer) * width + layer * staged
    assert found.weights == pytest.approx(wanted, rel=0.02)


def test_a_checkpoint_is_counted() -> None:
    from infra.weights import census

    found = census.take(TINY)
    assert found is not None
    assert found.all * found.width == pytest.approx(
        (TINY / "model.safetensors").stat().st_size, 1e-2
    )
    assert found.experts == 3 * 8 * 3 * 256 * 256
    assert (found.embedding, found.cached) == (0, 2 * 3 * 4 * 32)


@pytest.mark.parametrize("backend", ["echo", "llama_cpp", "transformers", "mlx"])
def test_the_estimate_of_the_bundled_model_is_within_a_tenth(
    infra: Callable[..., Done], backend: str
) -> None:
    done = infra(f"backend={backend}", "prompts.limit=16", "tracking=none", "load.threads=1")
    assert done.code == 0, done.err
    if backend == "echo":
        assert done.record["estimate"] == {}
        return
    assert set(registry().offers["infra_metrics"]) > {"memory_estimate_error"}
    error = done.record["metrics"]["memory_estimate_error"]["value"]
    assert abs(error) < 10, json.dumps(done.record["estimate"])


def test_too_small_a_limit_is_refused_before_anything_is_loaded(
    infra: Callable[..., Done], home: Path
) -> None:
    try:
        limits.check(10**8)
    except Exception as error:  # no right to make groups here
        pytest.skip(str(error))
    asked = "backend=transformers", "limits.memory=100MB", "tracking=none", "prompts.limit=1"
    done = infra(*asked)
    assert (done.code, list(home.glob("runs/2*"))) == (2, []), done.err
    assert "preflight=warn" in done.err
    done = infra(*asked, "preflight=warn")
    assert "warning: model tiny needs about" in done.err
    assert done.code == 1
    assert "limits.memory=100,000,000 bytes" in done.record["cause"]


def test_requests_of_many_lengths_need_more_where_kernels_are_made_for_shapes(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [replace(PROMPT, id=str(n)) for n in range(32)]
    for flags, more in ((frozenset({"avx512dq"}), 360_000_000), (frozenset(), 0)):
        monkeypatch.setattr(machine, "cpu_flags", lambda flags=flags: flags)
        one, many = (preflight.estimate(plan, prompts) for prompts in (asked[:1], asked))
        assert one is not None
        assert many is not None
        assert many.peak - one.peak == pytest.approx(more, rel=0.03)
