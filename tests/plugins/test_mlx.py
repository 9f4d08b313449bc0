"""The mlx engine: what it refuses, and that its facts tell the truth."""

import importlib
import json
import shutil
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import testing
from infra.errors import Refused
from infra.plan import Experts
from infra.plugins import bundled, registry
from infra.protocols import Engine

pytest.importorskip("mlx_lm", reason="needs the extra mlx")

WEIGHTS = bundled("plugins") / "tiny_moe" / "weights"
IDS = list(range(5, 40))


def loaded(
    path: Path = WEIGHTS, quantization: str = "stored", k: int | None = None, **load: Any
) -> AbstractContextManager[Engine]:
    plan = testing.plan_for(path, "mlx", quantization, k, **load)
    return testing.loaded(registry().get("infra_backends", "mlx"), plan)


def inside(module: str) -> Any:
    registry()
    return importlib.import_module(f"infra_plugins.mlx.{module}")


def saved(engine: Engine, folder: Path, prefix: str = "") -> Path:
    """The weights of a live engine beside the tiny model's other files."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    shutil.copytree(WEIGHTS, folder, ignore=shutil.ignore_patterns("*.gguf", "*.safetensors"))
    model: Any = vars(engine)["_model"]
    arrays = {prefix + name: array for name, array in tree_flatten(model.parameters())}
    mx.save_safetensors(str(folder / "model.safetensors"), arrays, {"format": "mlx"})
    return folder


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ({"dtype": "int8"}, "load.dtype=int8 is unknown"),
        ({"device": "cuda"}, "load.device=cuda: mlx has"),
        ({"dtype": "bfloat16", "device": "cpu"}, "unquantized experts in float32"),
    ],
)
def test_what_the_machine_cannot_do_is_refused(load: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said), loaded(**load):
        pass


def test_options_are_applied_or_said_to_be_unsupported() -> None:
    with loaded(device="cpu", context=300, batch=7, threads=1) as engine:
        assert engine.facts.options == {
            "dtype": "float32",
            "device": "cpu",
            "context": 300,
            "batch": 7,
            "threads": "unsupported",
            "gpu_layers": "unsupported",
            "mmap": "unsupported",
            "repack": "unsupported",
        }
        assert engine.facts.threads is None
        assert engine.facts.context == 300
        assert engine.facts.schemes == {"float32": 1.0}
        assert engine.facts.bits_per_weight == 32


@pytest.mark.parametrize("k", [1, 3, 8])
def test_k_is_in_effect(k: int) -> None:
    with loaded() as usual, loaded(k=k) as engine:
        assert engine.facts.effective_k == k
        assert np.abs(engine.logprobs(IDS) - usual.logprobs(IDS)).max() > 0.01


def test_k_is_in_effect_in_a_nested_model(tmp_path: Path) -> None:
    config = json.loads((WEIGHTS / "config.json").read_text())
    with loaded() as flat:
        folder = saved(flat, tmp_path / "model", "language_model.")
    rewrite(folder, model_type="qwen3_vl_moe", text_config=config)
    with loaded(k=1) as flat, loaded(untied(folder), k=1) as engine:
        assert engine.facts.effective_k == 1
        np.testing.assert_allclose(engine.logprobs(IDS), flat.logprobs(IDS), atol=1e-5)


def untied(folder: Path) -> Path:
    """mlx-lm reads a nested Qwen3-MoE only with a head of its own."""
    import mlx.core as mx

    arrays = mx.load(str(folder / "model.safetensors"))
    assert isinstance(arrays, dict)
    arrays["language_model.lm_head.weight"] = arrays["language_model.model.embed_tokens.weight"]
    mx.save_safetensors(str(folder / "model.safetensors"), arrays)
    text = json.loads((folder / "config.json").read_text())["text_config"]
    rewrite(folder, text_config=text | {"tie_word_embeddings": False})
    return folder


def test_a_dropped_k_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside("experts"), "activate", lambda model, k: None)
    with loaded(k=1) as engine:
        assert engine.facts.effective_k == 2


def test_a_k_that_one_layer_ignores_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def activate(model: Any, k: int) -> None:
        model.layers[1].mlp.top_k = k

    monkeypatch.setattr(inside("experts"), "activate", activate)
    with loaded(k=1) as engine:
        assert engine.facts.effective_k is None


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
def test_quantization_covers_the_experts(bits: int) -> None:
    with loaded(quantization=f"q{bits}") as engine:
        assert engine.facts.schemes[f"q{bits}"] > 0.99
        assert engine.facts.unquantized < 0.02
        # a float32 scale and offset for each 64 weights
        assert bits + 1 <= engine.facts.bits_per_weight < bits + 1.1
        assert engine.facts.dtype == "float32"


def test_fewer_bits_are_further_from_the_floats() -> None:
    with loaded() as floats:
        expected = floats.logprobs(IDS)
    errors = []
    for scheme in ("q8", "q4", "q2"):
        with loaded(quantization=scheme) as engine:
            errors.append(np.abs(engine.logprobs(IDS) - expected).mean())
    assert 0 < errors[0] < 0.05
    assert errors == sorted(errors)


def test_experts_left_as_floats_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = inside("loading")
    whole = loading.quantize_model

    def lie(model: Any, config: Any, group: int, bits: int) -> Any:
        skip = lambda path, module: "switch_mlp" not in path  # noqa: E731  # as mlx-lm wants it
        return whole(model, config, group, bits, quant_predicate=skip)

    monkeypatch.setattr(loading, "quantize_model", lie)
    with loaded(quantization="q4") as engine:
        assert engine.facts.unquantized > 0.8
        assert max(engine.facts.schemes, key=lambda s: engine.facts.schemes[s]) == "float32"


@pytest.mark.parametrize("asked", ["stored", "none"])
def test_a_quantized_checkpoint_stays_as_it_is(tmp_path: Path, asked: str) -> None:
    with loaded(quantization="q4") as engine:
        folder = saved(engine, tmp_path / "model")
        expected = engine.logprobs(IDS)
    rewrite(folder, quantization={"group_size": 64, "bits": 4})
    with loaded(folder, asked) as engine:
        assert engine.facts.schemes["q4"] > 0.99
        assert engine.facts.unquantized < 0.02
        np.testing.assert_allclose(engine.logprobs(IDS), expected, atol=1e-4)


def test_a_model_that_mlx_lm_does_not_know_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "model"))
    rewrite(folder, model_type="no_such_model")
    with pytest.raises(Refused, match="no_such_model"), loaded(folder):
        pass


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "model"))
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refused, match="cannot load"), loaded(folder):
        pass


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    import mlx.core as mx

    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "model"))
    arrays: Any = mx.load(str(folder / "model.safetensors"))
    del arrays["model.layers.0.mlp.experts.0.down_proj.weight"]
    mx.eval(arrays)  # the file that they come from is written over
    mx.save_safetensors(str(folder / "model.safetensors"), arrays, {"format": "mlx"})
    with pytest.raises(Refused, match=r"it lacks 'model\.layers\.0"), loaded(folder):
        pass


def test_a_broken_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEIGHTS, tmp_path / "model"))
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(Refused, match="cannot load"), loaded(folder):
        pass


def test_a_context_that_nothing_states_is_asked_for() -> None:
    plan = testing.plan_for(WEIGHTS, "mlx")
    plan = replace(plan, model=replace(plan.model, context=None))
    with pytest.raises(Refused, match=r"set load\.context"):
        registry().get("infra_backends", "mlx").prepare(plan)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"residency": "stream"}, "experts.residency=stream.*llama_cpp or transformers"),
        ({"residency": "mmap"}, "experts.residency=mmap"),
        ({"residency": "resident", "pin": 10}, "experts.pin=10"),
    ],
)
def test_experts_are_nowhere_but_in_memory(asked: dict[str, Any], said: str) -> None:
    plan = replace(testing.plan_for(WEIGHTS, "mlx"), experts=Experts(**asked))
    with pytest.raises(Refused, match=said):
        registry().get("infra_backends", "mlx").prepare(plan)


def test_experts_are_resident() -> None:
    with loaded() as engine:
        assert engine.facts.residency == "resident"
