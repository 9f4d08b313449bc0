"""What llama.cpp alone has to show: K and storage as they are, and the cache of quantized files.

The contract that it shares with the other engines is checked in test_engines.py.
"""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import testing, weights
from infra.effective import verify
from infra.errors import Failed, Refused
from infra.plan import Plan, to_json
from infra.plugins import bundled, registry
from infra.protocols import Backend, Engine
from infra.resources import machine
from infra.testing import loaded
from infra.types import Facts, Sampling

llama_cpp = pytest.importorskip("llama_cpp")

GGUF = bundled("plugins") / "tiny_moe" / "weights" / "tiny-moe-f16.gguf"
SCHEMES = {"q8": "q8_0", "q4": "q4_k", "q3": "q3_k", "q2": "q2_k"}


def part(name: str) -> Any:
    """A module of the plugin."""
    registry()
    return importlib.import_module(f"infra_plugins.llama_cpp.{name}")


@pytest.fixture(scope="module")
def backend() -> Backend:
    found: Backend = registry().get("infra_backends", "llama_cpp")
    return found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of quantized files; not there before the first is made."""
    monkeypatch.setenv("INFRA_CACHE", str(tmp_path))
    return tmp_path / "gguf"


def plan_of(path: Path = GGUF, held: str = "none", **asked: Any) -> Plan:
    """A plan for the bundled model; one thread, as other tests may have the other core."""
    plan = testing.plan_for(GGUF, "llama_cpp", **{"threads": 1, **asked})
    digest = weights.sha256_of([path]) if path.exists() else "0" * 64
    model = replace(plan.model, path=str(path), digest=digest, quantization=held)
    return replace(plan, model=model)


def facts_of(backend: Backend, plan: Plan) -> Facts:
    with loaded(backend, plan) as engine:
        return engine.facts


@pytest.fixture(scope="module")
def engine(backend: Backend) -> Iterator[Engine]:
    with loaded(backend, plan_of(context=256, batch=32)) as engine:
        yield engine


# K


@pytest.mark.parametrize("active", [1, 8])
def test_k_takes_effect(backend: Backend, active: int) -> None:
    assert facts_of(backend, plan_of(experts_active=active)).effective_k == active


def test_k_changes_what_is_computed(backend: Backend) -> None:
    scores = []
    for active in (2, 1):
        with loaded(backend, plan_of(experts_active=active)) as engine:
            scores.append(engine.logprobs(list(range(20))))
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_a_dropped_k_override_is_seen(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part("model"), "_expert_override", lambda *_: None)
    plan = plan_of(experts_active=1)
    facts = facts_of(backend, plan)
    assert facts.effective_k == 2
    with pytest.raises(Failed, match=r"experts.active=1 .* uses 2"):
        verify(plan, facts)


@pytest.mark.parametrize("active", [0, 9])
def test_k_beyond_the_model_is_refused(backend: Backend, active: int) -> None:
    with pytest.raises(Refused, match=rf"experts.active={active} .* 8 experts"):
        backend.prepare(plan_of(experts_active=active))


# Quantization


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_takes_effect(backend: Backend, scheme: str) -> None:
    plan = plan_of(quantization=scheme)
    facts = facts_of(backend, plan)
    verify(plan, facts)
    assert next(iter(facts.schemes)) == SCHEMES[scheme]
    assert facts.bits_per_weight < {"q8": 9, "q4": 5.5, "q3": 4.5, "q2": 3.7}[scheme]


def test_facts_agree_with_the_file(backend: Backend) -> None:
    from gguf import GGUFReader

    plan = plan_of(quantization="q4")
    facts = facts_of(backend, plan)
    tensors = GGUFReader(part("quantized").file_of(plan)).tensors
    assert facts.parameters == sum(int(t.n_elements) for t in tensors)
    assert facts.weight_bytes == sum(int(t.n_bytes) for t in tensors)
    for scheme, share in facts.schemes.items():
        held = sum(int(t.n_elements) for t in tensors if t.tensor_type.name.lower() == scheme)
        assert share == held / facts.parameters
    matrices = [t for t in tensors if len(t.shape) > 1]
    floats = sum(int(t.n_elements) for t in matrices if t.tensor_type.name in ("F16", "F32"))
    assert facts.unquantized == floats / sum(int(t.n_elements) for t in matrices)


def test_a_file_of_another_scheme_is_seen(backend: Backend) -> None:
    made = plan_of(quantization="q8")
    backend.convert(made)
    path = part("quantized").file_of(made)
    lying = plan_of(path, held="q4", quantization="q4")
    facts = facts_of(backend, lying)
    assert next(iter(facts.schemes)) == "q8_0"
    with pytest.raises(Failed, match=r"quantization=q4 .* q8_0"):
        verify(lying, facts)


def test_a_copy_is_made_once(backend: Backend, cache: Path) -> None:
    backend.convert(plan_of(quantization="q8"))
    (copy,) = cache.glob("*.gguf")
    before = copy.stat()
    backend.convert(plan_of(quantization="q8"))
    after = copy.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_each_source_and_scheme_has_its_copy(backend: Backend, cache: Path, tmp_path: Path) -> None:
    other = _changed(Path(shutil.copy(GGUF, tmp_path / "other.gguf")))
    plans = [plan_of(quantization="q8"), plan_of(other, quantization="q8")]
    for each in (*plans, plan_of(quantization="q2")):
        backend.convert(each)
    assert len(list(cache.glob("*.gguf"))) == 3


def test_a_source_that_was_changed_since_the_plan_gives_no_copy(
    backend: Backend, cache: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copy(GGUF, tmp_path / "source.gguf"))
    plan = plan_of(source, quantization="q8")
    _changed(source)
    with pytest.raises(Failed, match=r"source\.gguf have changed since this run was planned"):
        backend.convert(plan)
    assert [file.suffix for file in cache.iterdir()] == [".lock"]


def _changed(path: Path) -> Path:
    """Its last weight is another one."""
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    return path


PREPARE = """
import json, os, pathlib, signal, sys, time
from infra.plan import from_json
from infra.plugins import registry

backend = registry().get("infra_backends", "llama_cpp")
from infra_plugins.llama_cpp import library, quantized

make = quantized._make

def make_slowly(*arguments):
    print("made")
    time.sleep(0.5)
    make(*arguments)

def die_halfway(source, target, parameters):
    half = pathlib.Path(source.decode()).read_bytes()[:1_000_000]
    pathlib.Path(target.decode()).write_bytes(half)
    os.kill(os.getpid(), signal.SIGKILL)

quantized._make = make_slowly
if sys.argv[1] == "dies":
    library().llama.llama_model_quantize = die_halfway
backend.convert(from_json(json.loads(sys.argv[2])))
"""


def start_preparing(manner: str) -> "subprocess.Popen[str]":
    plan = json.dumps(to_json(plan_of(quantization="q4")))
    command = [sys.executable, "-c", PREPARE, manner, plan]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_make_one_copy(cache: Path) -> None:
    processes = [start_preparing("lives") for _ in range(2)]
    told = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(told) == ["", "made\n"]
    assert len(list(cache.glob("*.gguf"))) == 1


def test_a_killed_writer_leaves_no_copy(backend: Backend, cache: Path) -> None:
    process = start_preparing("dies")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert [file.suffix for file in cache.iterdir() if file.suffix != ".lock"] == [".part"]
    plan = plan_of(quantization="q4")
    verify(plan, facts_of(backend, plan))
    assert [file.suffix for file in cache.iterdir() if file.suffix != ".lock"] == [".gguf"]


def test_a_source_that_cannot_be_quantized_leaves_nothing(
    backend: Backend, cache: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(GGUF.read_bytes()[:6_000_000])
    with pytest.raises(Refused, match=r"broken\.gguf cannot be quantized .* not within the file"):
        backend.convert(plan_of(broken, quantization="q4"))
    assert [file.suffix for file in cache.iterdir()] == [".lock"]


def test_a_full_disk_is_refused_with_both_numbers(
    backend: Backend, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(part("quantized").LARGEST_SHARE, "q4", 1e12)  # no disk has so much
    with pytest.raises(Refused, match=r"needs up to [\d,]{15,} bytes in .*, where [\d,]+ are free"):
        backend.convert(plan_of(quantization="q4"))
    assert not list(cache.glob("*.gguf"))


def test_a_cache_that_cannot_be_written_is_refused(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFRA_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(Refused, match=r"file/cache: Not a directory\. Set INFRA_CACHE"):
        backend.convert(plan_of(quantization="q4"))


def test_a_file_that_holds_the_scheme_is_used_as_it_is(backend: Backend, cache: Path) -> None:
    plan = plan_of(held="q4", quantization="q4")
    backend.prepare(plan)
    backend.convert(plan)
    assert part("quantized").file_of(plan) == GGUF
    assert not cache.exists()


@pytest.mark.parametrize("scheme", ["none", "q4"])
def test_a_file_quantized_otherwise_is_refused(backend: Backend, scheme: str) -> None:
    with pytest.raises(Refused, match=rf"quantization={scheme} needs a file in f16.* holds q8"):
        backend.convert(plan_of(held="q8", quantization=scheme))


# Files that are none


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "No such file"),
        (b"", "failed to read magic"),
        (b"<html>404</html>" * 99, "invalid magic"),
        (GGUF.read_bytes()[:900], "failed to read key-value pairs"),
        (GGUF.read_bytes()[:-100], "not within the file bounds"),
    ],
    ids=["missing", "empty", "garbage", "no metadata", "truncated"],
)
def test_a_damaged_file_is_refused_in_one_sentence(
    backend: Backend,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    content: bytes | None,
    cause: str,
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused, match=rf"cannot load .*model\.gguf: .*{cause}"):
        facts_of(backend, plan_of(path))
    assert capfd.readouterr() == ("", "")


# Options


def test_options_are_those_in_effect(engine: Engine) -> None:
    assert engine.facts.options == {
        "dtype": "unsupported",
        "device": "cpu",
        "threads": 1,
        "gpu_layers": "unsupported",
        "context": 256,
        "batch": 32,
        "mmap": True,
        "repack": False,  # f16 has no packed layout
        "repack_bytes": 0,
    }


def test_without_mmap_nothing_is_mapped(backend: Backend) -> None:
    assert facts_of(backend, plan_of(mmap=False)).options["mmap"] is False


def test_repacking_costs_what_it_copies(backend: Backend) -> None:
    packed = facts_of(backend, plan_of(quantization="q4", repack=True))
    plain = facts_of(backend, plan_of(quantization="q4", repack=False))
    assert plain.options["repack"] is False
    assert plain.options["repack_bytes"] == 0
    assert 0 <= packed.options["repack_bytes"] < packed.weight_bytes
    assert packed.options["repack"] == (packed.options["repack_bytes"] > 0)
    assert packed.schemes == plain.schemes


@pytest.mark.skipif(
    b"AVX2 = 1" not in llama_cpp.llama_print_system_info(), reason="without AVX2 all differs"
)
def test_q4_is_repacked_on_this_processor(backend: Backend) -> None:
    options = facts_of(backend, plan_of(quantization="q4")).options
    assert options["repack"] is True
    assert options["repack_bytes"] > 2_000_000


@pytest.mark.parametrize("wish", [{"device": "cuda"}, {"device": "metal"}, {"gpu_layers": 4}])
def test_a_gpu_that_is_not_there_is_refused(backend: Backend, wish: dict[str, Any]) -> None:
    if part("hardware").gpus():
        pytest.skip("this build of llama-cpp-python has a GPU")
    with pytest.raises(Refused, match=f"load.{next(iter(wish))}"):
        backend.prepare(plan_of(**wish))


def test_a_dtype_that_llama_cpp_has_no_option_for_is_refused(backend: Backend) -> None:
    with pytest.raises(Refused, match=r"load\.dtype=float16: llama\.cpp computes in float32"):
        backend.prepare(plan_of(dtype="float16"))
    backend.prepare(plan_of(dtype="float32"))


def test_the_cpu_can_be_asked_for(backend: Backend) -> None:
    assert facts_of(backend, plan_of(device="cpu", gpu_layers=0)).device == "cpu"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no CPU affinity")
def test_threads_are_the_cores_that_may_be_used() -> None:
    usable = os.sched_getaffinity(0)
    assert 1 <= part("hardware").physical_cores() <= machine.usable_cpus()
    os.sched_setaffinity(0, {min(usable)})
    try:
        assert part("hardware").physical_cores() == 1
    finally:
        os.sched_setaffinity(0, usable)


# Requests


def test_a_full_context_ends_the_tokens_with_a_reason(engine: Engine) -> None:
    ids = engine.encode(testing.PROMPTS[0])
    with pytest.raises(Failed, match=r"context of 256 tokens is full.*load.context"):
        testing.take(engine, ids, 300)


def test_an_id_beyond_the_vocabulary_fails_with_llamas_words(engine: Engine) -> None:
    with pytest.raises(Failed, match="invalid token"):
        testing.take(engine, [5, 4000], 1)


def test_an_empty_prompt_is_refused(engine: Engine) -> None:
    with pytest.raises(Refused, match="no tokens"):
        testing.take(engine, [], 1)


def test_no_seed_means_a_random_one(engine: Engine) -> None:
    ids = engine.encode(testing.PROMPTS[0])
    seed = 2**32 - 1  # llama.cpp's word for random
    draws = [testing.take(engine, ids, 12, temperature=9.0, seed=seed) for _ in range(2)]
    assert draws[0] == draws[1]


def test_a_prompt_read_in_parts_is_read_whole(backend: Backend, engine: Engine) -> None:
    ids = list(range(100, 200))
    in_parts = testing.take(engine, ids, 1)[0].id
    with loaded(backend, plan_of(context=256, batch=256)) as other:
        at_once = testing.take(other, ids, 1)[0].id
    scores = [engine.logprobs([*ids, token])[-1] for token in (in_parts, at_once)]
    assert abs(scores[0] - scores[1]) < 0.02


def test_scores_need_no_request_before_and_disturb_none(engine: Engine) -> None:
    ids = engine.encode(testing.PROMPTS[0])
    tokens = engine.generate(ids, Sampling())
    alone = [token.id for token in testing.take(engine, ids, 6)]
    started = [next(tokens).id for _ in range(3)]
    engine.logprobs(ids)
    assert started + [next(tokens).id for _ in range(3)] == alone
