"""Random weights: of the right shape, in the right types, that engines load and compute with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Done
from infra.configuration.schema import Model
from infra.errors import Refused
from infra.plugins import bundled, registry
from infra.weights import headers, random_model, resolve
from infra.weights.random_model import blocks, routing, shapes

FOLDER = bundled("plugins") / "random_weights" / "shapes"
#: sizes small enough for a test, whole blocks of every type
SMALL = {
    "hidden_size": 256, "intermediate_size": 256, "num_attention_heads": 4, "head_dim": 64,
    "num_key_value_heads": 4, "vocab_size": 1100, "max_position_embeddings": 1024,
    "num_hidden_layers": 2, "num_experts_per_tok": 2,
}  # fmt: skip
#: parameters, in thousand millions, as published
PUBLISHED = {"qwen3_30b_a3b": 30.5, "olmoe_1b_7b": 6.9, "mixtral_8x7b": 46.7, "gpt_oss_20b": 20.9}
ENGINES = {"safetensors": "transformers", "gguf": "llama_cpp"}


def config_of(name: str, **more: Any) -> dict[str, Any]:
    """A bundled shape, small."""
    config: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text()) | SMALL
    key = shapes.FAMILIES[config["model_type"]].experts
    return config | {key: 4, shapes.FAMILIES[config["model_type"]].width: 256} | more


def small(folder: Path, name: str, **more: Any) -> Model:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_of(name, **more)))
    return Model(name=name, shape=str(folder / "config.json"), weights="random")


def made(model: Model, backend: str, scheme: str = "stored") -> random_model.Made:
    return random_model.bring(model, registry().get("infra_backends", backend), scheme)


@pytest.mark.parametrize("kind", sorted(blocks.KINDS - {"F16", "BF16", "F32"}))
def test_blocks_have_the_deviation_that_is_asked_for(kind: str) -> None:
    from gguf import GGMLQuantizationType, quants

    count = 64 * blocks.block(kind)
    stored = np.concatenate(list(blocks.drawn(kind, 512 * count, 0.02, seed=3)))
    assert stored.nbytes == blocks.size(kind, 512 * count)
    values = quants.dequantize(stored.reshape(512, -1), GGMLQuantizationType[kind])
    assert np.isfinite(values).all()
    step = 2**0.5 if kind == blocks.EXPONENT else 1.1  # a power of two is all that it has
    assert 0.02 / step < values.std() < 0.02 * step
    assert abs(values.mean()) < 0.001


@pytest.mark.parametrize(("kind", "code"), [("F16", "<f2"), ("F32", "<f4")])
def test_floats_have_about_that_deviation(kind: str, code: str) -> None:
    values = np.concatenate(list(blocks.drawn(kind, 10**5, 0.02, seed=3))).view(code)
    assert 0.014 < values.astype(np.float64).std() < 0.029
    assert len(np.unique(values)) > 1000


def test_the_same_seed_gives_the_same_bytes_and_another_others() -> None:
    first, same, other = (
        np.concatenate(list(blocks.drawn("Q4_0", 3200, 1, seed))).tobytes() for seed in (1, 1, 2)
    )
    assert first == same != other


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_bundled_shape_has_as_many_parameters_as_published(name: str) -> None:
    from math import prod

    from infra.weights.random_model import checkpoint, gguf_model

    config = json.loads((FOLDER / f"{name}.json").read_text())
    shape = shapes.read(config, name)
    for listed in (checkpoint.listed(shape, "BF16"), gguf_model.listed(shape, "Q8_0")):
        assert sum(prod(each.shape) for each in listed) / 1e9 == pytest.approx(
            PUBLISHED[name], abs=0.05
        )


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("form", ENGINES)
def test_engines_compute_with_it(tmp_path: Path, home: Path, name: str, form: str) -> None:
    from infra import testing

    backend = registry().get("infra_backends", ENGINES[form])
    found = made(small(tmp_path / "shape", name), ENGINES[form])
    plan = testing.plan_for(_beside(found.path, tmp_path), ENGINES[form], context=256, threads=1)
    with testing.loaded(backend, plan) as engine:
        ids = engine.encode(testing.PROMPTS[0])
        assert len(testing.take(engine, ids, 4)) == 4
        assert engine.facts.experts == 4
        assert engine.facts.effective_k == 2


def _beside(path: Path, folder: Path) -> Path:
    """With the config.json that ``plan_for`` reads beside a GGUF file."""
    if path.is_dir():
        return path
    (path.parent / "config.json").write_text((folder / "shape" / "config.json").read_text())
    return path


@pytest.mark.parametrize(
    ("scheme", "storage", "most"),
    [
        ("stored", None, "Q4_K"),
        ("q8", None, "Q8_0"),
        ("q2", None, "Q2_K"),
        ("stored", "Q4_0", "Q4_0"),
    ],
)
def test_a_gguf_is_stored_as_asked(
    tmp_path: Path, scheme: str, storage: str | None, most: str
) -> None:
    model = small(tmp_path / "shape", "olmoe_1b_7b")
    model.storage = storage
    found = made(model, "llama_cpp", scheme)
    tensors = headers.read_layout(found.path).tensors
    sizes: dict[str, int] = {}
    for each in tensors:
        sizes[each.kind] = sizes.get(each.kind, 0) + each.bytes
    assert max(sizes, key=lambda kind: sizes[kind]) == most


def test_it_is_made_once_and_not_left_in_half(tmp_path: Path, monkeypatch: Any) -> None:
    model = small(tmp_path / "shape", "mixtral_8x7b", vocab_size=1111)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(random_model.gguf_model, "write", full)
        with pytest.raises(OSError, match="space"):
            made(model, "llama_cpp")
    found = made(model, "llama_cpp")
    stamp = found.path.stat().st_mtime_ns
    assert made(model, "llama_cpp").path.stat().st_mtime_ns == stamp
    assert not list(found.path.parent.parent.glob("*.part"))


def test_a_disk_that_is_too_small_is_refused_before(tmp_path: Path, monkeypatch: Any) -> None:
    model = small(tmp_path / "shape", "mixtral_8x7b", vocab_size=1234)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Disk", (), {"free": 9}))
    with pytest.raises(Refused, match=r"model\.layers"):
        made(model, "llama_cpp")


def test_a_header_alone_becomes_a_model(tmp_path: Path) -> None:
    whole = made(small(tmp_path / "shape", "qwen3_30b_a3b"), "llama_cpp").path
    cut = tmp_path / "cut.gguf"
    begin = headers.read_layout(whole).begin
    cut.write_bytes(whole.read_bytes()[: begin + 10])
    model = Model(name="cut", path=str(cut), weights="random")
    backend = registry().get("infra_backends", "llama_cpp")
    weights = resolve(model, "llama_cpp", backend, "stored")
    assert (weights.experts, weights.random) == (4, True)
    assert Path(weights.path).stat().st_size == whole.stat().st_size
    assert Path(weights.path).read_bytes()[:begin] == whole.read_bytes()[:begin]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "nonsense"}, "nonsense"),
        ({"num_hidden_layers": None}, "num_hidden_layers=None"),
    ],
)
def test_a_shape_that_is_none_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    model = small(tmp_path / "shape", "olmoe_1b_7b", **change)
    with pytest.raises(Refused, match=said):
        made(model, "transformers")


def test_rows_that_do_not_fill_blocks_are_refused(tmp_path: Path) -> None:
    model = small(tmp_path / "shape", "gpt_oss_20b", hidden_size=288)
    with pytest.raises(Refused, match="Q8_0"):
        made(model, "llama_cpp", "q4")


def test_real_weights_have_no_layers_to_choose(infra: Callable[..., Done]) -> None:
    done = infra("backend=echo", "model.layers=1")
    assert (done.code, "model.weights=random" in done.err) == (2, True), done.err


def test_the_record_says_that_weights_are_random(infra: Callable[..., Done], home: Path) -> None:
    model = small(home / "shape", "olmoe_1b_7b")
    done = infra(
        "backend=llama_cpp", "model=olmoe", f"model.shape={model.shape}", "model.weights=random",
        "prompts.limit=1", "tracking=none", "load.threads=1", "sampling.max_tokens=4",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert any("answers mean nothing" in note for note in done.record["notes"])
    assert done.record["plan"]["model"]["random"] is True


@pytest.mark.parametrize("mode", ["random", "spread"])
def test_tokens_are_routed_as_told(tmp_path: Path, mode: str) -> None:
    """What the router of each layer picks in a forward pass over tokens that differ."""
    import torch
    from transformers import AutoModelForCausalLM

    model = small(tmp_path / "shape", "qwen3_30b_a3b", num_experts=64, num_experts_per_tok=4)
    model.routing = mode
    loaded = AutoModelForCausalLM.from_pretrained(made(model, "transformers").path).eval()
    seen: list[torch.Tensor] = []
    for layer in loaded.model.layers:
        layer.mlp.gate.register_forward_hook(lambda _, __, out: seen.append(out[-1]))
    with torch.inference_mode():
        loaded(torch.randint(7, 1100, (1, 240), generator=torch.Generator().manual_seed(0)))
    for ids in seen:
        touched, overlap = routing.measured(ids.reshape(240, 4).numpy(), 64)
        if mode == "spread":
            assert 0.35 < touched < 0.65
            assert 0.08 < overlap < 0.34
        else:
            assert touched > 0.7
            assert overlap < 0.12
