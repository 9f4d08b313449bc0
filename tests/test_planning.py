"""What is refused before an engine is touched."""

from collections.abc import Callable
from pathlib import Path

import pytest

import made
from conftest import Done

Infra = Callable[..., Done]
DENSE = {"max_position_embeddings": 512}
MISSING = """
from infra import hookimpl
from infra_plugins.echo import Echo

class Backend(Echo):
    distributions = ("an-engine-that-is-not-there",)
    extra = "engine"

@hookimpl
def infra_backends():
    return {"missing": Backend()}
"""


def test_a_dense_model_has_no_experts_to_choose(infra: Infra, home: Path) -> None:
    folder = made.checkpoint(home / "dense", DENSE)
    done = infra("backend=echo", "model=local", f"model.path={folder}", "experts.active=2")
    assert (done.code, "is dense" in done.err) == (2, True), done.err


def test_a_dense_model_has_no_routing_to_count(infra: Infra, home: Path) -> None:
    folder = made.checkpoint(home / "dense", DENSE)
    done = infra("backend=echo", "model=local", f"model.path={folder}", "experts.telemetry=true")
    assert (done.code, "no token is routed anywhere" in done.err) == (2, True), done.err


@pytest.mark.parametrize("backend", ["echo", "mlx"])
def test_routing_that_an_engine_does_not_see_is_refused(infra: Infra, backend: str) -> None:
    if backend == "mlx":
        pytest.importorskip("mlx_lm")
    done = infra(f"backend={backend}", "tracking=none", "experts.telemetry=true")
    assert (done.code, "experts.telemetry=true: " in done.err) == (2, True), done.err


def test_a_nested_config_says_how_many_experts_there_are(infra: Infra, home: Path) -> None:
    folder = made.checkpoint(home / "nested", {"text_config": made.CONFIG})
    done = infra("backend=echo", "model=local", f"model.path={folder}", "experts.active=9")
    assert (done.code, "has 8 experts" in done.err) == (2, True), done.err


def test_a_missing_extra_names_the_pip_command(infra: Infra, home: Path) -> None:
    (home / "plugins").mkdir()
    (home / "plugins" / "missing.py").write_text(MISSING)
    done = infra("backend=missing", INFRA_PLUGINS=str(home / "plugins"))
    assert done.code == 2
    assert "needs an-engine-that-is-not-there" in done.err
    assert "pip install 'infra[engine]'" in done.err


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.gguf", b""), ("garbage.gguf", b"GGUF" + b"\xff" * 99), ("text.gguf", b"hello")],
)
def test_garbage_is_refused(infra: Infra, home: Path, name: str, content: bytes) -> None:
    (home / name).write_bytes(content)
    done = infra("backend=echo", "model=local", f"model.path={name}", "prompt=hi")
    assert (done.code, name in done.err) == (2, True), done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_model_that_is_not_there_is_refused(infra: Infra) -> None:
    done = infra("backend=echo", "model=local", "model.path=/nowhere/model", "prompt=hi")
    assert (done.code, "/nowhere/model" in done.err) == (2, True), done.err
