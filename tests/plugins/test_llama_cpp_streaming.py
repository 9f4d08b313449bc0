"""experts.residency and experts.telemetry on llama.cpp: the same numbers, experts as routed."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import random_gguf
from conftest import GGUF, Done
from infra.effective import verify
from infra.errors import Failed, Refused
from infra.plugins import registry
from infra.protocols import Backend
from infra.testing import loaded
from infra.types import Sampling
from random_gguf import EXPERT, EXPERTS, LAYERS
from streamed import IDS, computed, is_cached, part, plan_of

pytest.importorskip("llama_cpp")

PARTS = 2


@pytest.fixture(scope="module")
def backend() -> Backend:
    found: Backend = registry().get("infra_backends", "llama_cpp")
    return found


@pytest.fixture(scope="module")
def bigger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_gguf.qwen(tmp_path_factory.mktemp("model") / "random.gguf")


# The same numbers


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("shape", ["tiny", "plain", "fused", "split"])
def test_numbers_are_those_of_resident_to_the_bit(
    backend: Backend, tmp_path: Path, bigger: Path, shape: str, k: int
) -> None:
    paths: dict[str, Callable[[], Path]] = {
        "tiny": lambda: GGUF,
        "plain": lambda: bigger,
        "fused": lambda: random_gguf.deepseek(tmp_path / "m.gguf"),
        "split": lambda: random_gguf.qwen(tmp_path / "m.gguf", parts=PARTS),
    }
    path, found = paths[shape](), []
    for residency in ("resident", "stream", "mmap"):
        with loaded(backend, plan_of(path, residency, k)) as engine:
            assert engine.facts.residency == residency
            assert engine.facts.effective_k == k
            found.append(computed(engine))
    for tokens, scores in found[1:]:
        assert tokens == found[0][0]
        assert np.array_equal(scores, found[0][1])


# Facts


def test_what_is_not_served_is_no_stream(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part("streaming").Streamer, "serve", lambda *_: None)
    plan = plan_of(GGUF, "stream")
    with loaded(backend, plan) as engine:
        assert engine.facts.residency == "mmap"
        with pytest.raises(Failed, match=r"residency=stream was asked for, mmap is in effect"):
            verify(plan, engine.facts)


def test_the_residency_that_nobody_asked_for_is_told(backend: Backend) -> None:
    with loaded(backend, plan_of(GGUF, None)) as engine:
        assert engine.facts.residency == "mmap"


@pytest.mark.parametrize(
    ("residency", "load", "sentence"),
    [
        ("resident", {"mmap": True}, "load.mmap=true does not"),
        ("mmap", {"mmap": False}, "leave load.mmap=false out"),
        ("stream", {"mmap": False}, "leave load.mmap=false out"),
        ("stream", {"repack": True}, "load.repack=true copies them"),
        ("stream", {"gpu_layers": 3}, r"leave out load.gpu_layers=3"),
    ],
)
def test_contradictions_are_refused(residency: str, load: dict[str, Any], sentence: str) -> None:
    plan = plan_of(GGUF, residency)
    with pytest.raises(Refused, match=sentence):
        part("residency").check(replace(plan, load=replace(plan.load, **{"repack": None, **load})))


def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(Refused, match="works on Linux and macOS, not on win32"):
        part("residency").check(plan_of(GGUF, "stream"))


# What is read


def test_exactly_the_routed_experts_are_read(bigger: Path) -> None:
    streamer = part("streaming").Streamer(bigger, 4, 0)
    layer = streamer._stacks[1]
    with bigger.open("r+b") as file:
        os.fsync(file)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if any(is_cached(bigger, stack.range(9)) for stack in layer):
        pytest.skip("this file system does not drop pages")
    streamer.begin()
    streamer.serve(1, [[2, 3], [3, 12]])
    for expert in range(EXPERTS):
        for stack in layer:
            assert is_cached(bigger, stack.range(expert)) == (expert in (2, 3, 12))
    streamer.close()


def test_what_was_dropped_is_read_again(bigger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    streamer = part("streaming").Streamer(bigger, 1, 0)
    there = {0, 1, 2}
    asked: list[int] = []
    read: list[Any] = []

    def has(_: Any, expert: int) -> bool:
        asked.append(expert)
        return expert in there

    def serve(layer: int, *rows: list[int]) -> tuple[set[int], int]:
        asked.clear()
        read.clear()
        streamer.serve(layer, list(rows))
        return set(asked), len(read)

    monkeypatch.setattr(streamer, "_has", has)
    monkeypatch.setattr(streamer._reader, "read", lambda ranges, _: read.extend(ranges))
    streamer._faults = 10**9
    assert serve(0, [1, 2]) == ({1, 2}, 0)
    assert serve(0, [1, 2]) == (set(), 0), "what was there is taken as there"
    assert serve(0, [1], [2]) == ({1, 2}, 0), "but not for a batch"
    assert serve(0, [0, 3]) == ({0, 3}, 3), "gate, up and down"
    assert serve(0, [1, 3]) == ({1}, 0), "what was read may have driven others out"
    streamer._faults = -100
    assert serve(0, [1, 2]) == ({1, 2}, 0), "and so may others have, where pages were waited for"
    streamer.close()


def test_threads_share_announcing_and_waiting(
    bigger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than CPUs would only wait."""
    reading = part("reading")
    monkeypatch.setattr(reading.machine, "usable_cpus", lambda: 2)
    monkeypatch.setattr(reading, "LINUX", True)
    monkeypatch.setattr(reading, "BLOCK", 1000)
    reader, seen = reading.Reader([bigger], 8), []

    def note(kind: str) -> Callable[..., None]:
        return lambda *place: seen.append((threading.current_thread().name, kind, place))

    for kind in ("announce", "touch"):
        monkeypatch.setattr(reader.files, kind, note(kind))
    reader.read([reading.Range(0, 500, 2500), reading.Range(0, 9000, 100)], [(0, 7, 7)])
    reader.close()
    used = seen.index((threading.current_thread().name, "touch", (0, 7, 7)))
    mine = [kind for name, kind, _ in seen[:used] if name == seen[used][0]]
    assert mine == ["announce"] * 2, "told between announcing and waiting"
    seen.pop(used)
    places = {(0, 500, 1000), (0, 1500, 1000), (0, 2500, 500), (0, 9000, 100)}
    by_thread = {name: [each[1:] for each in seen if each[0] == name] for name, *_ in seen}
    assert len(by_thread) == 2
    for shares in by_thread.values():
        kinds = [kind for kind, _ in shares]
        assert kinds == ["announce"] * 2 + ["touch"] * 2, "all is announced before it is waited for"
    for kind in ("announce", "touch"):
        assert {place for _, each, place in seen if each == kind} == places


def test_neighbours_are_read_in_one_piece() -> None:
    ranges = [part("reading").Range(*each) for each in ((0, 30, 10), (0, 10, 10), (0, 20, 10))]
    assert part("streaming")._joined([*ranges, (1, 40, 10)]) == [(0, 10, 30), (1, 40, 10)]


def test_the_hottest_experts_are_locked(backend: Backend, bigger: Path) -> None:
    def locked() -> int:
        (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmLck" in x]
        return int(line.split()[1]) * 1024

    with loaded(backend, plan_of(bigger, "stream", pin=1)) as engine:
        before = locked()
        computed(engine)
        computed(engine)
        # experts of 3 x 69,632 bytes, and the pages that they begin and end in
        assert 800_000 < locked() - before < 1_100_000


# Telemetry


@pytest.mark.parametrize("residency", ["resident", "mmap", "stream"])
def test_all_tokens_are_counted(backend: Backend, bigger: Path, residency: str) -> None:
    with loaded(backend, plan_of(bigger, residency, 2, telemetry=True)) as engine:
        computed(engine)
        assert isinstance(engine, part("engine").LlamaCppEngine)
        prefill, decode = engine.routing()
        assert engine.routing() == ()
    assert (prefill.tokens, decode.tokens) == (len(IDS), 11)
    assert [sum(layer) for layer in decode.used] == [22] * LAYERS
    # two chunks, of which llama.cpp computes the last layer for the last token alone
    assert [sum(layer) for layer in prefill.used] == [2 * len(IDS)] * (LAYERS - 1) + [4]
    assert decode.wanted == 22 * LAYERS * EXPERT
    assert (decode.waited is not None) == (residency == "stream")


def test_counts_are_what_a_second_way_of_looking_sees(backend: Backend, bigger: Path) -> None:
    found = []
    for residency in ("resident", "stream"):
        with loaded(backend, plan_of(bigger, residency, telemetry=True)) as engine:
            computed(engine)
            found.append([(each.phase, each.used, each.overlap) for each in engine.routing()])  # type: ignore[attr-defined]  # of the plugin
    assert found[0] == found[1]


def test_nothing_is_counted_unasked(backend: Backend) -> None:
    with loaded(backend, plan_of(GGUF, "mmap")) as engine:
        computed(engine)
        assert engine.routing() == ()  # type: ignore[attr-defined]  # of the plugin


def test_a_view_with_gaps_is_read_by_its_strides() -> None:
    tensor = part("tensor")
    data = np.arange(5 * EXPERTS, dtype=np.int32).reshape(5, EXPERTS)
    choice = tensor.Tensor(data=data.ctypes.data)
    choice.shape[:], choice.strides[:2] = (3, 5, 1, 1), (4, 4 * EXPERTS)
    assert tensor.rows_of(choice) == data[:, :3].tolist()
    choice.shape[1] = 1
    assert tensor.rows_of(choice) == [[0, 1, 2]]
    choice.shape[1] = 0
    assert tensor.rows_of(choice) == []


def test_nodes_are_learnt_and_learnt_anew() -> None:
    """An address that names something else now is learnt anew."""
    tensor, watch = part("tensor"), part("watch")
    seen: list[Any] = []

    class Told:
        def begin(self) -> None:
            """Nothing to do."""

        def routed(self, layer: int, rows: Any, _: Any) -> None:
            seen.append((layer, rows))

    ids = np.array([4, 2], np.int32)
    nodes = [tensor.Tensor(data=ids.ctypes.data, name=b"ffn_moe_topk-%d" % n) for n in range(2)]
    for node in nodes:
        node.shape[:], node.strides[:2] = (2, 1, 1, 1), (4, 8)
    looks = watch.Watch(Told())

    def batch() -> None:
        looks.begin(1)
        for node in nodes:
            address = part("watch").ctypes.addressof(node)
            if looks._on_node(address, True, None):
                looks._on_node(address, False, None)
        looks.end()

    batch()
    batch()
    assert seen == [(0, [[4, 2]]), (1, [[4, 2]])] * 2
    nodes[1].name, nodes[0].name = b"other", b"ffn_moe_topk-7"
    seen.clear()
    batch()
    assert seen == [(7, [[4, 2]])]
    nodes[1].name = b"ffn_moe_topk-8"
    batch()
    batch()
    assert [layer for layer, _ in seen] == [7, 7, 8, 7, 8]


# Faults


def copy_of(bigger: Path, folder: Path) -> Path:
    path = folder / "copy.gguf"
    path.write_bytes(bigger.read_bytes())
    return path


def test_an_error_inside_the_computation_comes_out(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loaded(backend, plan_of(GGUF, "stream")) as engine:
        monkeypatch.setattr(
            part("streaming").Streamer,
            "serve",
            lambda *_: [].pop(),
        )
        with pytest.raises(IndexError):
            next(engine.generate(IDS, Sampling()))
    with pytest.raises(IndexError), loaded(backend, plan_of(GGUF, "stream")):
        pass


def test_a_disk_that_cannot_read_fails_the_run(
    backend: Backend, bigger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    with loaded(backend, plan_of(bigger, "stream")) as engine:
        engine._routes._streamer._addresses.clear()  # type: ignore[attr-defined]  # all is read
        engine._routes._streamer._cached.clear()  # type: ignore[attr-defined]  # as above
        monkeypatch.setattr(os, "sendfile", broken)
        with pytest.raises(Failed, match=r"random.gguf cannot be read at byte \d+: Input/output"):
            next(engine.generate(IDS, Sampling()))


def test_a_short_read_fails(bigger: Path, tmp_path: Path) -> None:
    path = copy_of(bigger, tmp_path)
    streamer = part("streaming").Streamer(path, 2, 0)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(Failed, match="in the middle of an expert: it was truncated"):
        streamer.serve(LAYERS - 1, [[0, 15]])
    streamer.close()


CHANGE = """
import os
from pathlib import Path
from infra import hookimpl

@hookimpl
def infra_stage(stage, plan):
    path = Path(plan.model.path)
    if stage == "generate":
        path.unlink() if os.environ["CHANGE"] == "remove" else os.truncate(path, 100_000)
    yield
"""


@pytest.mark.parametrize(
    ("change", "residency", "cause"),
    [
        ("truncate", "stream", "was removed, truncated or overwritten"),
        ("remove", "stream", "was removed, truncated or overwritten"),
        ("truncate", "mmap", "SIGBUS in stage generate: the weights file that it had mapped"),
    ],
)
def test_a_file_that_changes_fails_the_run(  # noqa: PLR0917  # fixtures and parameters
    infra: Callable[..., Done], home: Path, bigger: Path, change: str, residency: str, cause: str
) -> None:
    (home / "plugins").mkdir()
    (home / "plugins" / "change.py").write_text(CHANGE)
    path = copy_of(bigger, home)
    done = infra(
        "backend=llama_cpp", "model=local", f"model.path={path}", "prompt=hello there",
        f"experts.residency={residency}", "tracking=none", "sampling.max_tokens=8",
        "load.threads=1", INFRA_PLUGINS=str(home / "plugins"), CHANGE=change,
    )  # fmt: skip
    assert done.code == 1, done.err
    assert done.record["status"] == "FAILED"
    assert cause in done.record["cause"]


#: a disk that fails after some reads, as the C library passes it on
BROKEN_DISK = """
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/syscall.h>
#include <unistd.h>

static int reads;

ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    if (++reads > atoi(getenv("GOOD_READS"))) { errno = EIO; return -1; }
    return syscall(SYS_sendfile, out, in, offset, count);
}
ssize_t sendfile64(int out, int in, off_t *offset, size_t count) {
    return sendfile(out, in, offset, count);
}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sendfile(2) and LD_PRELOAD are Linux's")
@pytest.mark.parametrize("good", [0, 60])
def test_a_read_error_fails_the_run(
    infra: Callable[..., Done], home: Path, bigger: Path, good: int
) -> None:
    (home / "disk.c").write_text(BROKEN_DISK)
    command = ["cc", "-shared", "-fPIC", "-o", "disk.so", "disk.c"]
    subprocess.run(command, cwd=home, check=True)
    path = copy_of(bigger, home)
    done = infra(
        "backend=llama_cpp", "model=local", f"model.path={path}", "prompt=hello there",
        "experts.residency=stream", "tracking=none", "sampling.max_tokens=32", "load.threads=1",
        "cache=cold", LD_PRELOAD=str(home / "disk.so"), GOOD_READS=str(good),
    )  # fmt: skip
    assert done.code == 1, done.err
    said = rf"{path.name} cannot be read at byte \d+: Input/output error"
    assert re.search(said, done.record["cause"])


def test_a_run_keeps_its_routing(infra: Callable[..., Done]) -> None:
    done = infra(
        "backend=llama_cpp", "experts.residency=stream", "tracking=none", "prompts.limit=2",
        "load.threads=1", "warmup=2",
    )  # fmt: skip
    assert done.record["facts"]["residency"] == "stream"
    prefill, decode = done.record["routing"]
    assert prefill["tokens"] == sum(each["evaluated"] for each in done.generations)
    # the last token of an answer is drawn and never evaluated
    assert decode["tokens"] == sum(len(each["ids"]) - 1 for each in done.generations)
    assert [len(layer.split()) for layer in decode["used"]] == [8, 8, 8]
    assert done.record["metrics"]["experts_touched_decode"]["n"] == decode["tokens"]
    assert "tokens of decode" in done.out
