"""The transformers engine: what it refuses, and that its facts tell the truth."""

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import testing
from infra.errors import Refused
from infra.plugins import bundled, registry
from infra.protocols import Engine

WEIGHTS = bundled("plugins") / "tiny_moe" / "weights"
IDS = list(range(5, 60))
TINY = {
    "vocab_size": 1024,
    "hidden_size": 64,
    "intermediate_size": 64,
    "moe_intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 512,
}
#: families that name, nest or compute K in their own ways
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3_moe": TINY,
    "mixtral": TINY,
    "olmoe": TINY,
    "gpt_oss": TINY,
    "hunyuan_v1_moe": TINY | {"moe_topk": 2},
    "gemma4_text": TINY | {"top_k_experts": 2, "enable_moe_block": True, "global_head_dim": 16},
    "llama4_text": TINY
    | {"intermediate_size_mlp": 64, "interleave_moe_layer_step": 1, "pad_token_id": 0},
    "longcat_flash": TINY
    | {
        "n_routed_experts": 3,
        "zero_expert_num": 1,
        "moe_topk": 2,
        "num_layers": 1,
        "ffn_hidden_size": 64,
        "expert_ffn_hidden_size": 64,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 16,
        "head_dim": 8,
        "num_key_value_heads": 4,
    },
    "dbrx": {
        "d_model": 64,
        "n_heads": 4,
        "n_layers": 2,
        "vocab_size": 1024,
        "max_seq_len": 512,
        "max_position_embeddings": 512,
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        "ffn_config": {"ffn_hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "jetmoe": TINY | {"kv_channels": 16, "num_key_value_heads": 2},
    "qwen3_vl_moe": {
        "text_config": TINY | {"rope_parameters": {"rope_theta": 1e4, "mrope_section": [4, 2, 2]}},
        "vision_config": {"depth": 1, "hidden_size": 32, "num_heads": 2, "out_hidden_size": 64},
    },
}

#: those that do not compute their experts as the library's own functions do
OWN_WAYS = {"llama4_text", "dbrx", "jetmoe", "longcat_flash"}


def loaded(
    path: Path = WEIGHTS, quantization: str = "stored", k: int | None = None, **load: Any
) -> AbstractContextManager[Engine]:
    plan = testing.plan_for(path, "transformers", quantization, k, **{"threads": 1, **load})
    return testing.loaded(registry().get("infra_backends", "transformers"), plan)


def inside(module: str) -> Any:
    registry()
    return importlib.import_module(f"infra_plugins.transformers.{module}")


def with_tokenizer(folder: Path) -> Path:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(WEIGHTS / name, folder)
    return folder


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(WEIGHTS, folder, ignore=shutil.ignore_patterns("*.gguf")))


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model with random weights, by the name of its family."""
    import torch
    from transformers import CONFIG_MAPPING

    root = tmp_path_factory.mktemp("families")

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            config = CONFIG_MAPPING[name](**FAMILIES[name])
            torch.manual_seed(0)
            inside("loading").builder(config).from_config(config).save_pretrained(folder)
        return with_tokenizer(folder)

    return make


def test_importing_the_plugin_leaves_torch_alone() -> None:
    code = (
        "import sys; from infra.plugins import registry; registry().names('infra_backends');"
        "sys.exit(bool({'torch', 'transformers', 'mlx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ({"dtype": "flaot32"}, "Did you mean 'float32'"),
        ({"device": "metal"}, "load.device=metal is not on this machine"),
        ({"device": "cuda:99"}, "load.device=cuda:99 is not on this machine"),
    ],
)
def test_what_the_machine_cannot_do_is_refused(load: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said), loaded(**load):
        pass


def test_options_are_applied_or_said_to_be_unsupported() -> None:
    import torch

    with loaded(dtype="float32", device="cpu", context=300, batch=7) as engine:
        assert engine.facts.options == {
            "dtype": "float32",
            "device": "cpu",
            "threads": torch.get_num_threads(),
            "context": 300,
            "batch": 7,
            "gpu_layers": "unsupported",
            "mmap": "unsupported",
            "repack": "unsupported",
        }
        assert engine.facts.threads == 1
        assert engine.facts.context == 300
        assert engine.facts.dtype == "float32"
        assert engine.facts.schemes == {"float32": 1.0}
        assert engine.facts.bits_per_weight == 32
        assert engine.device_memory() is None


def test_the_dtype_is_the_stored_one_unless_asked_for() -> None:
    with loaded() as engine:
        assert engine.facts.dtype == "bfloat16"
        assert engine.facts.bits_per_weight == 16


def test_tied_weights_count_once() -> None:
    with loaded(dtype="float32") as engine:
        stored = (WEIGHTS / "model.safetensors").stat().st_size
        assert stored - 100_000 < 2 * engine.facts.parameters <= stored
        assert engine.facts.weight_bytes == 4 * engine.facts.parameters


@pytest.mark.parametrize("k", [1, 3, 8])
def test_k_is_in_effect(k: int) -> None:
    with loaded(dtype="float32") as usual, loaded(k=k, dtype="float32") as engine:
        assert engine.facts.effective_k == k
        assert np.abs(engine.logprobs(IDS) - usual.logprobs(IDS)).max() > 0.01


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - {"jetmoe", "longcat_flash"}))
def test_k_is_in_effect_in_every_family(name: str, family: Callable[[str], Path]) -> None:
    for k in (1, 3):
        with loaded(family(name), k=k, context=256) as engine:
            assert engine.facts.effective_k == k
            assert engine.facts.experts == 4


@pytest.mark.parametrize("k", [2, 3])  # transformers itself cannot compute one
def test_experts_that_do_nothing_count(k: int, family: Callable[[str], Path]) -> None:
    with loaded(family("longcat_flash"), k=k) as engine:
        assert (engine.facts.effective_k, engine.facts.experts) == (k, 5)


def test_experts_that_cannot_be_seen_are_refused_before_the_weights_are_read(
    family: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(family("jetmoe"), tmp_path / "model"))
    with loaded(folder) as engine:
        assert engine.facts.effective_k is None
    (folder / "model.safetensors").unlink()
    with pytest.raises(Refused, match=r"active: .* JetMoeForCausalLM in a way that does not show"):
        loaded(folder, k=1).__enter__()


def test_a_dropped_k_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside("loading"), "activate", lambda config, k: None)
    with loaded(k=1) as engine:
        assert engine.facts.effective_k == 2


def test_a_k_that_one_layer_ignores_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeTopKRouter

    number = count()
    original = Qwen3MoeTopKRouter.__init__

    def init(self: Any, config: Any) -> None:
        original(self, config)
        self.top_k = 2 if next(number) % 3 == 1 else self.top_k  # of three layers

    monkeypatch.setattr(Qwen3MoeTopKRouter, "__init__", init)
    with loaded(k=1) as engine:
        assert engine.facts.effective_k is None


def test_q8_covers_the_experts_and_the_tied_embedding() -> None:
    with loaded(quantization="q8") as engine:
        assert engine.facts.schemes["int8"] > 0.99
        assert engine.facts.unquantized < 0.02
        assert 8 < engine.facts.bits_per_weight < 8.5


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - OWN_WAYS - {"gpt_oss"}))
def test_q8_says_nearly_what_the_floats_say(name: str, family: Callable[[str], Path]) -> None:
    with loaded(family(name)) as floats, loaded(family(name), "q8") as engine:
        difference = np.abs(engine.logprobs(IDS) - floats.logprobs(IDS))
        assert 0 < np.median(difference) < 0.01
        assert engine.facts.schemes["int8"] > 0.9


@pytest.mark.parametrize(("name", "who"), [("gpt_oss", "GptOss"), ("llama4_text", "Llama4")])
def test_q8_refuses_experts_that_it_cannot_compute(
    name: str, who: str, family: Callable[[str], Path]
) -> None:
    with pytest.raises(Refused, match=who), loaded(family(name), "q8"):
        pass


def test_experts_left_as_floats_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside("int8"), "is_experts", lambda module: False)
    with loaded(quantization="q8") as engine:
        assert engine.facts.unquantized > 0.8
        assert max(engine.facts.schemes, key=lambda s: engine.facts.schemes[s]) == "bfloat16"


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path / "model")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refused, match="cannot load"), loaded(folder):
        pass


def test_missing_weights_are_refused_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(Refused, match=r"lacks weights .*: model\.norm\.weight"), loaded(folder):
        pass


def test_weights_that_do_not_fit_are_refused_by_name_and_shape(tmp_path: Path) -> None:
    folder = copied(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 128}))
    said = r"embed_tokens\.weight has the shape \[\d+, 256\], and the model needs \[\d+, 128\]"
    with pytest.raises(Refused, match=said), loaded(folder):
        pass


@pytest.mark.parametrize("text", ["{}", "hello"])
def test_a_broken_tokenizer_is_refused(tmp_path: Path, text: str) -> None:
    folder = copied(tmp_path / "model")
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(Refused, match="cannot load"), loaded(folder):
        pass


def test_too_little_memory_is_no_fault_of_the_files() -> None:
    import torch

    with pytest.raises(torch.OutOfMemoryError), inside("loading").refusing(None):
        raise torch.OutOfMemoryError


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = copied(tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(Refused, match="cannot load"), loaded(folder):
        pass


OWN_CODE = """
from transformers import Qwen3Config, Qwen3ForCausalLM
open({mark!r}, "w")
class OwnConfig(Qwen3Config):
    model_type = "own"
class Own(Qwen3ForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A dense model whose folder brings code, which leaves the file ``ran`` beside the folder."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path / "model"
    Qwen3ForCausalLM(Qwen3Config(**TINY)).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "own"}
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(OWN_CODE.format(mark=str(tmp_path / "ran")))
    return with_tokenizer(folder)


def test_a_models_own_code_does_not_run_untrusted(own: Path) -> None:
    with pytest.raises(Refused, match="trust_remote_code"), loaded(own):
        pass
    assert not own.with_name("ran").exists()


def test_a_models_own_code_runs_if_trusted(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = str(own.with_name("modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", cache)
    plan = testing.plan_for(own, "transformers", threads=1)
    plan = replace(plan, model=replace(plan.model, trust_remote_code=True))
    with testing.loaded(registry().get("infra_backends", "transformers"), plan) as engine:
        assert engine.facts.experts is None
        assert engine.facts.effective_k is None
        assert len(testing.take(engine, IDS, 3)) == 3
    assert own.with_name("ran").exists()
