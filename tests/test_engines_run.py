"""Each engine through the whole pipeline, as a user runs it, on the bundled model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import GGUF, Done

#: backends that drop what the plan asks for, on the real engines
LIARS = """
from dataclasses import replace
from infra import hookimpl
from infra.plugins import registry

class Liar:
    def __init__(self, name, **dropped):
        self.name, self.dropped = name, dropped
    def __getattr__(self, key):
        return getattr(registry().get("infra_backends", self.name), key)
    def convert(self, plan):
        self.__getattr__("convert")(replace(plan, **self.dropped))
    def load(self, plan):
        return self.__getattr__("load")(replace(plan, **self.dropped))

@hookimpl
def infra_backends():
    names = ("transformers", "mlx", "llama_cpp")
    k = {f"{name}_k": Liar(name, experts_active=None) for name in names}
    q = {f"{name}_q": Liar(name, quantization="stored") for name in names}
    return {**k, **q}
"""

Infra = Callable[..., Done]
ENGINES = ["transformers", "mlx", "llama_cpp"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_answers_and_calls_tools(infra: Infra, engine: str) -> None:
    done = infra(f"backend={engine}", "prompts.limit=4", "tracking=none")
    assert done.code == 0, done.err
    record = done.record
    assert record["facts"]["effective_k"] == 2
    assert record["facts"]["experts"] == 8
    assert record["metrics"]["tool_call_exact"]["value"] >= 0.75
    assert record["metrics"]["peak_memory"]["value"] > record["metrics"]["weight_bytes"]["value"]
    assert record["parser"].startswith("hermes, from the chat template")


@pytest.mark.parametrize(
    ("engine", "scheme"),
    [
        ("transformers", "q8"),
        ("mlx", "q4"),
        ("mlx", "q2"),
        ("llama_cpp", "q4"),
        ("llama_cpp", "q2"),
    ],
)
def test_k_and_quantization_are_in_effect(infra: Infra, engine: str, scheme: str) -> None:
    done = infra(
        f"backend={engine}", f"quantization={scheme}", "experts.active=1", "prompts.limit=1",
        "tracking=none",
    )  # fmt: skip
    assert done.code == 0, done.err
    facts = done.record["facts"]
    assert facts["effective_k"] == 1
    assert facts["bits_per_weight"] < 10
    assert facts["unquantized"] < 0.02


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["backend=transformers", "quantization=q4"],
            "works with backend=llama_cpp or backend=mlx",
        ),
        (["backend=mlx", "load.device=cuda"], "load.device=cuda"),
        (["backend=transformers", "load.device=cuda"], "load.device=cuda"),
        (["backend=llama_cpp", "load.device=cuda"], "load.device=cuda"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(infra: Infra, arguments: list[str], said: str) -> None:
    done = infra(*arguments, "tracking=none")
    assert (done.code, said in done.err) == (2, True), done.err


@pytest.mark.parametrize("engine", ENGINES)
def test_sampled_text_follows_the_seed(infra: Infra, engine: str) -> None:
    common = (f"backend={engine}", "sampling=creative", "prompts.limit=2", "tracking=none")
    texts = [said(infra(*common, "sampling.temperature=3", f"seed={seed}")) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def said(done: Done) -> list[str]:
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in (done.folder / "generations.jsonl").open()]
    return [row["text"] for row in rows]


def test_a_damaged_model_is_refused(infra: Infra, home: Path) -> None:
    (home / "cut.gguf").write_bytes(GGUF.read_bytes()[:100_000])
    done = infra("model=local", f"model.path={home / 'cut.gguf'}", "backend=llama_cpp")
    assert (done.code, "cut.gguf" in done.err) == (2, True), done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("lie", "asked", "both"),
    [
        ("k", "experts.active=4", ("experts.active=4", "uses 2 experts")),
        ("q", "quantization=q8", ("quantization=q8", "100.0% of the matrices unquantized")),
    ],
)
def test_asked_and_not_in_effect_is_a_failed_run(  # noqa: PLR0917  # three axes
    infra: Infra, home: Path, engine: str, lie: str, asked: str, both: tuple[str, str]
) -> None:
    (home / "plugins").mkdir()
    (home / "plugins" / "liars.py").write_text(LIARS)
    done = infra(
        f"backend={engine}_{lie}", asked, "tracking=none", "prompts.limit=1",
        INFRA_PLUGINS=str(home / "plugins"),
    )  # fmt: skip
    assert (done.code, done.record["status"]) == (1, "FAILED"), done.err
    for value in both:
        assert value in done.record["cause"]
