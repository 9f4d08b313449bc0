"""Downloads from a hub on loopback: only what is needed, once, and on after a cut."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import pytest

import made
from hub import Cut, Hub, Repo
from infra import planning, weights
from infra.configuration.schema import (
    Config,
    Constraint,
    Experts,
    Model,
    Named,
    Quantization,
    Tracking,
)
from infra.errors import Refused
from infra.plan import Weights
from infra.plugins import registry

#: what huggingface_hub writes at once; a cut before it has that much keeps nothing
CHUNK = huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE
LARGE = made.safetensors(CHUNK + 2**20)
SMALL = made.safetensors(2**18)
NEEDED = {"config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one checkpoint, and an empty cache to load it into."""
    folder = made.checkpoint(tmp_path / "model")
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    unneeded = ["pytorch_model.bin", "original/model.safetensors", "README.md", "modeling_own.py"]
    files |= {"chat_template.jinja": b"{}", **dict.fromkeys(unneeded, b"never fetched")}
    files["model.safetensors"] = SMALL
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("INFRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    with Hub({"org/model": Repo(files)}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def large(hub: Hub) -> Hub:
    """The hub with weights that are worth to be kept when they are cut."""
    hub.repos["org/model"].files["model.safetensors"] = LARGE
    return hub


def content(found: Weights) -> bytes:
    return (Path(found.path) / "model.safetensors").read_bytes()


def kept(folder: Path) -> bool:
    """Whether a chunk of a large file is on the disk."""
    return any(file.stat().st_size >= CHUNK for file in folder.rglob("*.incomplete"))


def resolve(repo: str = "org/model", format: str = "safetensors", **source: str) -> Weights:
    """Weights from the hub, by the way that every run takes."""
    model = Model(name="m", sources={format: {"any": {"repo": repo, **source}}})
    backend: Any = SimpleNamespace(formats=(format,))
    return weights.resolve(model, "some", backend, "stored")


def refusal(repo: str = "org/model", format: str = "safetensors", **source: str) -> str:
    with pytest.raises(Refused) as error:
        resolve(repo, format, **source)
    return str(error.value)


def test_only_the_needed_files_come(hub: Hub) -> None:
    found = resolve()
    assert {file.name for file in Path(found.path).iterdir()} == NEEDED
    assert content(found) == SMALL
    assert (found.experts, found.experts_used, found.context) == (8, 2, 512)
    assert found.origin == f"org/model@{hub.repos['org/model'].commit}"


def test_what_a_model_is_can_be_known_before_its_weights_come(hub: Hub) -> None:
    model = Model(name="m", sources={"safetensors": {"any": {"repo": "org/model"}}})
    backend: Any = SimpleNamespace(formats=("safetensors",))
    early = weights.announced(model, "some", backend, "stored")
    assert early
    assert (early.experts, early.experts_used, early.context) == (8, 2, 512)
    assert [file.name for file in Path(early.path).iterdir()] == ["config.json"]
    resolve()
    assert weights.announced(model, "some", backend, "stored") is None


def test_a_k_that_the_model_does_not_have_is_refused_before_its_weights_come(
    hub: Hub, tmp_path: Path
) -> None:
    config = Config(
        model=Model(name="m", sources={"safetensors": {"any": {"repo": "org/model"}}}),
        backend=Named("echo"), quantization=Quantization("stored"), experts=Experts(active=9),
        tracking=Tracking("none"), constraint=Constraint("none"), prompt="hi",
    )  # fmt: skip
    with pytest.raises(Refused, match="has 8 experts a layer"):
        planning.build(config, registry())
    assert not list(tmp_path.rglob("hf/**/*.safetensors"))


def test_a_pinned_commit_that_is_there_needs_no_hub(hub: Hub) -> None:
    commit = hub.repos["org/model"].commit
    first = resolve(revision=commit)
    hub.requests.clear()
    assert resolve(revision=commit) == first
    assert hub.requests == []


def test_a_branch_is_looked_up_but_not_fetched_twice(hub: Hub) -> None:
    resolve()
    hub.requests.clear()
    resolve()
    assert [path for _, path, _ in hub.requests] == ["/api/models/org/model/revision/main"]


def test_a_branch_that_moved_is_fetched_anew(hub: Hub) -> None:
    before = resolve()
    files = hub.repos["org/model"].files
    hub.repos["org/model"] = Repo({**files, "chat_template.jinja": b"{# new #}"})
    hub.requests.clear()
    after = resolve()
    assert after.digest != before.digest
    assert after.origin == f"org/model@{hub.repos['org/model'].commit}"
    assert hub.ranges == [], "the weights did not change"


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_connection_goes_on_where_it_was(large: Hub, tmp_path: Path, reset: bool) -> None:
    large.cuts = [Cut(CHUNK + 1000, reset, ready=lambda: kept(tmp_path))]
    assert content(resolve()) == LARGE
    assert large.ranges == [None, f"bytes={CHUNK}-"]


def test_the_next_run_goes_on_after_giving_up(large: Hub, no_patience: None) -> None:
    large.cuts = [Cut(CHUNK + 1000), *[Cut(0)] * 40]
    said = refusal()
    assert "Run the same command again" in said
    assert large.url in said
    large.cuts.clear()
    large.requests.clear()
    assert content(resolve()) == LARGE
    assert large.ranges == [f"bytes={CHUNK}-"]


def test_the_next_run_goes_on_after_a_kill(large: Hub, tmp_path: Path) -> None:
    over = Event()
    large.cuts = [Cut(CHUNK + 1000, ready=over.is_set)]
    code = "import test_download; test_download.resolve()"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent)
    while not kept(tmp_path) and child.poll() is None:
        time.sleep(0.02)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    over.set()
    assert content(resolve()) == LARGE
    assert large.ranges == [None, f"bytes={CHUNK}-"]


def test_a_damaged_download_is_noticed(hub: Hub) -> None:
    commit = hub.repos["org/model"].commit
    found = resolve(revision=commit)
    blob = (Path(found.path) / "model.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    said = refusal(revision=commit)
    assert f"Delete {blob}" in said
    blob.unlink()
    assert resolve(revision=commit) == found


def test_one_gguf_of_many_comes(hub: Hub, tmp_path: Path) -> None:
    data = made.gguf_file(tmp_path / "m-Q8_0.gguf", general__file_type=7).read_bytes()
    hub.repos["org/gguf"] = Repo({"m-Q8_0.gguf": data, "m-Q4_K_M.gguf": b"x", "config.json": b"x"})
    found = resolve("org/gguf", "gguf", file="m-Q8_0.gguf")
    assert hub.fetched == ["m-Q8_0.gguf"]
    assert Path(found.path).read_bytes() == data
    assert (found.quantization, found.experts) == ("q8", 8)


def test_all_parts_of_a_split_gguf_come(hub: Hub, tmp_path: Path) -> None:
    first = made.gguf_file(tmp_path / "parts" / "m.gguf", parts=3)
    parts = {f"BF16/{file.name}": file.read_bytes() for file in first.parent.iterdir()}
    hub.repos["org/gguf"] = Repo(parts)
    found = resolve("org/gguf", "gguf", file="BF16/m-00001-of-00003.gguf")
    assert len(list(Path(found.path).parent.iterdir())) == 3
    assert Path(found.path).name == first.name


def test_what_is_on_disk_is_listed_without_a_network(hub: Hub) -> None:
    source = {"repo": "org/model", "revision": hub.repos["org/model"].commit}
    model = Model(
        name="m", sources={"safetensors": {"any": source}, "mlx": {"q4": {"repo": "o/x"}}}
    )
    assert weights.installed(model) == []
    resolve(**source)
    hub.requests.clear()
    [(name, size)] = weights.installed(model)
    assert name == "safetensors any"
    assert size == sum(len(hub.repos["org/model"].files[each]) for each in NEEDED)
    assert hub.requests == []


def test_the_token_is_for_the_hub_alone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    resolve()
    seen = {path.split("/")[1]: headers.get("authorization") for _, path, headers in hub.requests}
    assert seen == {"api": "Bearer hf_secret", "org": "Bearer hf_secret", "cdn": None}


def test_without_a_network_the_last_known_branch_is_taken(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = resolve()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert resolve() == online
    assert "HF_HUB_OFFLINE forbids its download" in refusal("org/other")


def test_an_unknown_repository_is_refused(hub: Hub) -> None:
    assert "no repository 'org/modle'" in refusal("org/modle")


def test_a_name_that_is_no_repository_is_refused(hub: Hub) -> None:
    assert "Repo id must be in the form" in refusal("org/model/file.gguf")
    assert hub.requests == []


def test_an_unknown_revision_is_refused(hub: Hub) -> None:
    assert "org/model has no revision 'v7'" in refusal(revision="v7")


def test_a_gated_repository_is_refused(hub: Hub) -> None:
    hub.repos["org/model"].gated = True
    assert f"accept its terms at {hub.url}/org/model and set HF_TOKEN" in refusal()


def test_a_missing_file_is_refused_with_the_nearest_name(hub: Hub) -> None:
    hub.repos["org/gguf"] = Repo({"m-Q4_K_M.gguf": b"x", "m-Q8_0.gguf": b"x"})
    assert "Did you mean 'm-Q4_K_M.gguf'?" in refusal("org/gguf", "gguf", file="m-Q4_KM.gguf")


def test_a_missing_part_is_refused(hub: Hub) -> None:
    hub.repos["org/gguf"] = Repo({"m-00001-of-00002.gguf": b"x"})
    said = refusal("org/gguf", "gguf", file="m-00001-of-00002.gguf")
    assert "org/gguf has no file 'm-00002-of-00002.gguf'" in said
    assert hub.fetched == []


def test_a_pickle_repository_is_refused_before_it_is_fetched(hub: Hub) -> None:
    hub.repos["org/old"] = Repo({"config.json": b"{}", "pytorch_model.bin": b"x"})
    assert "only as pickle (pytorch_model.bin)" in refusal("org/old")
    assert hub.fetched == []


def test_a_full_disk_is_refused_before_anything_comes(
    large: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda path: full)
    assert "org/model needs 0.01 GB more in" in refusal()
    assert large.fetched == []


def test_what_came_already_needs_no_room(
    large: Hub, no_patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    large.cuts = [Cut(CHUNK + 1000), *[Cut(0)] * 40]
    refusal()
    large.cuts.clear()
    little = SimpleNamespace(free=len(LARGE) - CHUNK + 10_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: little)
    assert resolve().experts == 8


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts, and there are few."""
    monkeypatch.setattr("infra.weights.download.PAUSES", (0,))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
