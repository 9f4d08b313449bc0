"""The page cache: what is dropped and read in is seen by mincore(2) and by the bytes read."""

import ctypes
import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import made
from conftest import Done
from infra.conditions import pagecache
from infra.plan import Plan, PromptSet, Weights
from infra.plugins import registry
from infra.types import Stage

SIZE = 4 * 1024**2
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs mincore and /proc")


def resident(path: Path) -> float:
    """The share of a file's pages that is in memory."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        data = np.frombuffer(mapped, np.uint8)
        pages = (ctypes.c_ubyte * -(-len(data) // mmap.PAGESIZE))()
        address = ctypes.c_void_p(data.ctypes.data)
        assert ctypes.CDLL(None).mincore(address, ctypes.c_size_t(len(data)), pages) == 0
        del data
    return sum(page & 1 for page in pages) / len(pages)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A checkpoint of two files, just written: its pages are in memory, and not on disk yet."""
    made.checkpoint(tmp_path / "model", shards=2)
    for file in (tmp_path / "model").glob("*.safetensors"):
        file.write_bytes(made.safetensors(SIZE))
    return tmp_path / "model"


@pytest.fixture
def drops(tmp_path: Path) -> None:
    """Skips where the file system keeps its pages whatever is asked, as tmpfs does."""
    probe = tmp_path / "probe"
    probe.write_bytes(bytes(SIZE))
    with probe.open("rb") as file:
        os.fsync(file)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if resident(probe):
        pytest.skip("this file system keeps the pages of its files in memory")


def plan(
    path: Path, cache: str = "asis", backend: str = "echo", quantization: str = "stored"
) -> Plan:
    model = Weights("m", str(path), "any", digest="d" * 64)
    return Plan(model, backend, quantization, PromptSet("", "", 0), cache=cache)


@linux
@pytest.mark.usefixtures("drops")
def test_cold_drops_all_weights_even_those_just_written(weights: Path) -> None:
    shards = pagecache.files(plan(weights))
    assert len(shards) == 2
    assert [resident(file) for file in shards] == [1, 1]
    pagecache.prepare(plan(weights, "asis"))
    assert [resident(file) for file in shards] == [1, 1]
    pagecache.prepare(plan(weights, "cold"))
    assert [resident(file) for file in shards] == [0, 0]
    pagecache.prepare(plan(weights, "warm"))
    assert [resident(file) for file in shards] == [1, 1]


@linux
@pytest.mark.usefixtures("drops")
def test_mapped_pages_stay(weights: Path) -> None:
    """Which is why no process may have the weights loaded."""
    file = pagecache.files(plan(weights))[0]
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        assert sum(held[:: mmap.PAGESIZE]) > 0
        pagecache.prepare(plan(weights, "cold"))
        assert resident(file) == 1


def test_the_files_are_those_that_are_loaded(weights: Path, tmp_path: Path) -> None:
    (weights / "consolidated.safetensors").write_bytes(made.safetensors())
    names = [file.name for file in pagecache.files(plan(weights))]
    assert names == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    split = made.gguf_file(tmp_path / "x.gguf", parts=2)
    assert [file.name for file in pagecache.files(plan(split))] == [
        "x-00001-of-00002.gguf", "x-00002-of-00002.gguf",
    ]  # fmt: skip
    assert pagecache.files(plan(tmp_path / "missing.gguf")) == []


def test_a_quantized_copy_is_loaded_in_place_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("llama_cpp")
    monkeypatch.setenv("INFRA_CACHE", str(tmp_path))
    source = made.gguf_file(tmp_path / "x.gguf")
    assert pagecache.files(plan(source, backend="llama_cpp")) == [source]
    quantized = plan(source, backend="llama_cpp", quantization="q4")
    assert pagecache.files(quantized) == []
    copy: Path = registry().get("infra_backends", "llama_cpp").file_of(quantized)
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(b"copy")
    assert pagecache.files(quantized) == [copy]


def stages(**read: int) -> list[Stage]:
    """``convert=5``: 5 bytes were read from disk by its end."""
    return [Stage(name, 0, 1, {"read": bytes_read}) for name, bytes_read in read.items()]


@pytest.mark.parametrize(
    ("asked", "read", "effective"),
    [
        ("cold", 2 * SIZE, "cold"),
        ("cold", int(1.7 * SIZE), "unknown"),
        ("cold", 9, "warm"),
        ("warm", 0, "warm"),
        ("asis", SIZE // 100, "warm"),
        ("asis", SIZE, "unknown"),
        ("asis", 2 * SIZE, "unknown"),
    ],
)
def test_what_was_read_tells_what_was_in_memory(
    weights: Path, asked: str, read: int, effective: str
) -> None:
    """What the import read does not count; a small model may be less than a library."""
    seen = stages(**{"import": 10, "convert": 500, "load": 501, "generate": 500 + read})
    found = pagecache.found(plan(weights, asked), seen)
    assert found == {
        "asked": asked, "effective": effective, "read": read,
        "weights": sum(file.stat().st_size for file in weights.glob("*.safetensors")),
    }  # fmt: skip


def test_a_large_model_read_from_disk_was_cold(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagecache, "CLEAR", SIZE)
    seen = stages(**{"import": 0, "load": 2 * SIZE})
    assert pagecache.found(plan(weights), seen)["effective"] == "cold"


@pytest.mark.parametrize(
    "seen",
    [
        [],
        stages(**{"reuse": 5, "generate": 5}),
        stages(**{"import": 5, "convert": 5}),
        [Stage("import", 0, 1, {"read": None}), Stage("load", 0, 1, {"read": None})],
    ],
)
def test_without_a_load_or_its_bytes_nothing_is_known(weights: Path, seen: list[Stage]) -> None:
    found = pagecache.found(plan(weights, "cold"), seen)
    assert found == {"asked": "cold", "effective": "unknown"}
    assert pagecache.doubt(found) is None


@pytest.mark.parametrize(
    ("asked", "effective", "sentence"),
    [
        ("cold", "cold", None),
        ("asis", "unknown", None),
        ("cold", "unknown", "cache=cold was asked for, and 25% of the weights came from disk"),
        ("warm", "unknown", "cache=warm was asked for, and 25% of the weights came from disk"),
    ],
)
def test_a_doubt_is_told(asked: str, effective: str, sentence: str | None) -> None:
    cache = {"asked": asked, "effective": effective, "read": 25, "weights": 100}
    assert pagecache.doubt(cache) == sentence


@linux
@pytest.mark.usefixtures("drops")
def test_cold_and_warm_as_a_user_runs_them(infra: Callable[..., Done], home: Path) -> None:
    """On a file of our own, which no other process reads meanwhile."""
    (home / "plugins").mkdir()
    (home / "plugins" / "reader.py").write_text(READER)
    made.checkpoint(home / "mine")
    (home / "mine" / "model.safetensors").write_bytes(made.safetensors(SIZE))
    for cache in ("warm", "cold", "asis"):
        done = infra(
            "backend=reader", "model=local", f"model.path={home / 'mine'}", "tracking=none",
            "prompt=a b", f"cache={cache}", INFRA_PLUGINS=str(home / "plugins"),
        )  # fmt: skip
        assert done.code == 0, done.err
        expected = "cold" if cache == "cold" else "warm"
        assert done.record["cache"]["effective"] == expected
        assert not [flag for flag in done.record["flags"] if "cache" in flag]


READER = """
from pathlib import Path
from infra import hookimpl
from infra_plugins.echo import Echo

class Reader(Echo):
    def load(self, plan):
        for file in Path(plan.model.path).glob("*.safetensors"):
            file.read_bytes()
        return super().load(plan)

@hookimpl
def infra_backends():
    return {"reader": Reader()}
"""
