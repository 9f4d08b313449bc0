"""Where the transformers engine has its experts, and what it tells of their use."""

import importlib
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import testing
from infra.errors import Failed, Refused
from infra.plan import Experts
from infra.plugins import bundled, registry
from infra.protocols import Engine, Router
from infra.types import Routing, Sampling

WEIGHTS = bundled("plugins") / "tiny_moe" / "weights"
IDS = list(range(5, 60))
LAYERS, EXPERTS, K = 2, 8, 2
TINY = {
    "vocab_size": 1024,
    "hidden_size": 64,
    "intermediate_size": 48,
    "moe_intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "num_experts": EXPERTS,
    "num_local_experts": EXPERTS,
    "num_experts_per_tok": K,
    "max_position_embeddings": 512,
    "eos_token_id": None,
}
#: of their experts: one by one; as w1, w2, w3; one by one; fused, by column, with biases
FAMILIES = ("qwen3_moe", "mixtral", "olmoe", "gpt_oss")

Make = Callable[[str], Path]


def loaded(
    path: Path, quantization: str = "stored", k: int | None = None,
    experts: dict[str, Any] | None = None, **load: Any,
) -> AbstractContextManager[Engine]:  # fmt: skip
    plan = testing.plan_for(path, "transformers", quantization, k, **{"threads": 1, **load})
    plan = replace(plan, experts=Experts(**experts or {}))
    return testing.loaded(registry().get("infra_backends", "transformers"), plan)


def streamed(path: Path, **more: Any) -> AbstractContextManager[Engine]:
    experts = {"residency": "stream", "io_threads": 3, **more.pop("experts", {})}
    return loaded(path, experts=experts, **more)


def inside(module: str) -> Any:
    registry()
    return importlib.import_module(f"infra_plugins.transformers.{module}")


def with_tokenizer(folder: Path) -> Path:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(WEIGHTS / name, folder)
    return folder


def routing(engine: Engine) -> dict[str, Routing]:
    assert isinstance(engine, Router)
    return {each.phase: each for each in engine.routing()}


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """The folder of a tiny model with random weights in bfloat16, by the name of its family."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    root = tmp_path_factory.mktemp("families")

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            torch.manual_seed(0)
            config = CONFIG_MAPPING[name](**TINY)
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
            model.save_pretrained(folder)
        return with_tokenizer(folder)

    return make


@pytest.fixture
def qwen(family: Make, tmp_path: Path) -> Path:
    """A copy of a model that a test may spoil."""
    return Path(shutil.copytree(family("qwen3_moe"), tmp_path / "model"))


def change(folder: Path, change_one: Callable[[dict[str, Any]], None]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change_one(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def fuse(tensors: dict[str, Any]) -> None:
    """Qwen's experts as transformers has them in memory."""
    import torch

    for layer in range(LAYERS):
        path = f"model.layers.{layer}.mlp.experts"
        gate, up, down = (
            torch.stack([tensors.pop(f"{path}.{e}.{each}_proj.weight") for e in range(EXPERTS)])
            for each in ("gate", "up", "down")
        )
        tensors[f"{path}.gate_up_proj"] = torch.cat([gate, up], dim=1)
        tensors[f"{path}.down_proj"] = down


def same(ours: Engine, theirs: Engine) -> bool:
    """Bit for bit in what they score and generate."""
    assert np.array_equal(ours.logprobs(IDS), theirs.logprobs(IDS))
    return testing.take(ours, IDS, 8) == testing.take(theirs, IDS, 8)


@pytest.mark.parametrize("dtype", ["auto", "float32"])
@pytest.mark.parametrize("name", FAMILIES)
def test_streamed_is_resident_bit_for_bit(name: str, dtype: str, family: Make) -> None:
    resident = loaded(family(name), experts={"residency": "resident"}, dtype=dtype)
    with resident as theirs, streamed(family(name), dtype=dtype) as ours:
        assert same(ours, theirs)
        assert (ours.facts.residency, theirs.facts.residency) == ("stream", "resident")
        assert ours.facts.parameters == theirs.facts.parameters
        assert ours.facts.dtype == theirs.facts.dtype


@pytest.mark.parametrize("name", FAMILIES)
def test_facts_count_what_stays_in_the_files(name: str, family: Make) -> None:
    with loaded(family(name)) as theirs, streamed(family(name)) as ours:
        assert ours.facts == replace(theirs.facts, residency="stream")
    with streamed(family(name), dtype="float32") as ours:
        assert ours.facts.schemes["bfloat16"] > 0.3
        assert ours.facts.unquantized == 1.0


@pytest.mark.parametrize("k", [1, 3, EXPERTS])
def test_k_is_in_effect(k: int, family: Make) -> None:
    folder = family("qwen3_moe")
    with loaded(folder, k=k) as theirs, streamed(folder, k=k) as ours:
        assert ours.facts.effective_k == k
        assert same(ours, theirs)


@pytest.mark.parametrize("name", ["qwen3_moe", "gpt_oss"])
def test_experts_that_do_not_fit_at_once_take_turns(
    name: str, family: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside("streaming"), "STAGED", 3 * 3 * 64 * 48 * 2)
    monkeypatch.setattr(inside("reads"), "BLOCK", 1000)
    with loaded(family(name), batch=20) as theirs, streamed(family(name), batch=20) as ours:
        assert same(ours, theirs)


def test_fused_files_are_streamed(qwen: Path) -> None:
    with streamed(qwen) as before:
        scores = before.logprobs(IDS)
    change(qwen, fuse)
    with streamed(qwen) as engine:
        assert np.array_equal(engine.logprobs(IDS), scores)


def test_an_expert_may_be_spread_over_files(family: Make, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(family("qwen3_moe"), dtype="auto")
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 5
    with loaded(family("qwen3_moe")) as theirs, streamed(with_tokenizer(tmp_path)) as ours:
        assert same(ours, theirs)


MEASURE = """
import sys
from dataclasses import replace
from pathlib import Path
from infra import testing
from infra.resources import memory
from infra.plan import Experts
from infra.plugins import registry

backend = registry().get("infra_backends", "transformers")
plan = testing.plan_for(Path(sys.argv[1]), "transformers", threads=1)
for residency in ("stream", "resident"):
    plan = replace(plan, experts=Experts(residency=residency))
    backend.prepare(plan)
    memory.release()
    memory.reset_peak()
    before = memory.usage()
    with testing.loaded(backend, plan) as engine:
        testing.take(engine, range(5, 20), 4)
        after = memory.usage()
        growth = after["peak"] - before["rss"], after["anonymous"] - before["anonymous"]
        print(engine.facts.weight_bytes, *growth)
    del engine
"""


def hollow_model(folder: Path) -> int:
    """A model whose experts, of the size returned, are zeros that take no space on the disk."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen3MoeConfig

    size = {"hidden_size": 1024, "moe_intermediate_size": 1024, "num_hidden_layers": 3}
    config = Qwen3MoeConfig(**TINY | size | {"num_experts": 32, "num_local_experts": 32})
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    shapes = {name: list(each.shape) for name, each in model.state_dict().items()}
    config.dtype = "bfloat16"
    config.save_pretrained(folder)
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    with_tokenizer(folder)
    return sum(2 * int(np.prod(shape)) for name, shape in shapes.items() if "experts" in name)


@pytest.mark.skipif(sys.platform != "linux", reason="needs the peak of a stage")
def test_experts_are_never_all_in_memory(tmp_path: Path) -> None:
    """Neither at the peak nor afterwards, mapped pages counted at the peak."""
    experts = hollow_model(tmp_path)
    assert experts > 600_000_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    stream, resident = (map(int, line.split()) for line in done.stdout.splitlines())
    (size, *few), (same_size, *held) = stream, resident
    assert size == same_size > experts
    assert min(held) > experts
    assert max(few) < experts / 4


def test_fused_experts_stay_mapped_unless_asked_for(family: Make) -> None:
    folder = family("gpt_oss")
    with loaded(folder) as usual, loaded(folder, experts={"residency": "mmap"}) as mapped:
        assert usual.facts.residency == mapped.facts.residency == "mmap"
        with loaded(folder, experts={"residency": "resident"}) as resident:
            assert resident.facts.residency == "resident"
            assert same(mapped, resident)
    with loaded(folder, dtype="float32") as copied:
        assert copied.facts.residency == "resident"


def test_experts_stored_one_by_one_are_resident(family: Make) -> None:
    with loaded(family("mixtral")) as engine:
        assert engine.facts.residency == "resident"


def test_quantized_experts_are_resident() -> None:
    with loaded(WEIGHTS, "q8", experts={"residency": "resident"}) as engine:
        assert engine.facts.residency == "resident"


@pytest.mark.parametrize(
    ("name", "asked", "load", "said"),
    [
        ("mixtral", {"residency": "mmap"}, {}, "stored one by one"),
        ("gpt_oss", {"residency": "mmap"}, {"dtype": "float32"}, "stored as, bfloat16"),
        ("mixtral", {"residency": "stream", "io_threads": 0}, {}, "experts.io_threads=0"),
        ("mixtral", {"residency": "stream", "pin": 100}, {}, "experts.pin=100"),
        ("mixtral", {"residency": "mmap"}, {"quantization": "q8"}, "quantization=q8"),
        ("mixtral", {"residency": "stream"}, {"quantization": "q8"}, "quantization=q8"),
    ],
)
def test_what_cannot_be_had_is_refused(
    name: str, asked: dict[str, Any], load: dict[str, Any], said: str, family: Make
) -> None:
    with pytest.raises(Refused, match=said), loaded(family(name), experts=asked, **load):
        pass


def test_quantized_files_are_refused(qwen: Path) -> None:
    config = json.loads((qwen / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "mxfp4"}
    (qwen / "config.json").write_text(json.dumps(config))
    with pytest.raises(Refused, match=r"stored quantized.*llama_cpp"), streamed(qwen):
        pass


def test_integers_in_the_files_are_refused(qwen: Path) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        import torch

        for name, tensor in list(tensors.items()):
            if "down_proj" in name:
                tensors[name] = tensor.to(torch.int8)

    change(qwen, spoil)
    with pytest.raises(Refused, match="stored as I8"), streamed(qwen):
        pass


@pytest.mark.parametrize("part", ["gate_proj", "down_proj"])
def test_a_missing_expert_is_refused(part: str, qwen: Path) -> None:
    change(qwen, lambda tensors: tensors.pop(f"model.layers.1.mlp.experts.5.{part}.weight"))
    with pytest.raises(Refused, match=r"lacks weights .*layers\.1\.mlp\.experts"), streamed(qwen):
        pass


def test_a_layer_without_one_of_its_parts_is_refused(qwen: Path) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if "layers.0" in name and "up_proj" in name]:
            del tensors[name]

    change(qwen, spoil)
    with pytest.raises(Refused, match=r"lacks weights .*gate_up_proj"), streamed(qwen):
        pass


def test_another_missing_weight_is_refused(qwen: Path) -> None:
    change(qwen, lambda tensors: tensors.pop("model.norm.weight"))
    with pytest.raises(Refused, match=r"lacks weights .*model\.norm\.weight"), streamed(qwen):
        pass


@pytest.mark.parametrize("left", [4, 100, 10_000, 150_000])
def test_truncated_files_are_refused(left: int, qwen: Path) -> None:
    os.truncate(qwen / "model.safetensors", left)
    with pytest.raises(Refused, match="cannot load"), streamed(qwen):
        pass


def test_experts_of_another_size_are_refused(qwen: Path) -> None:
    config = json.loads((qwen / "config.json").read_text())
    (qwen / "config.json").write_text(json.dumps(config | {"moe_intermediate_size": 32}))
    with pytest.raises(Refused, match="do not fit the model"), streamed(qwen):
        pass


def test_a_dense_model_is_refused(tmp_path: Path) -> None:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    dense = {key: value for key, value in TINY.items() if "experts" not in key}
    Qwen3ForCausalLM(Qwen3Config(**dense)).save_pretrained(tmp_path)
    with pytest.raises(Refused, match="no fused experts"), streamed(with_tokenizer(tmp_path)):
        pass
    with loaded(tmp_path, experts={"telemetry": True}) as engine:
        assert engine.facts.residency is None
        assert len(testing.take(engine, IDS, 3)) == 3
        assert routing(engine) == {}


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: os.truncate(path, 9000), overwrite])
def test_files_that_change_while_they_are_used_fail_the_run(
    spoil: Callable[[Path], None], qwen: Path
) -> None:
    with streamed(qwen) as engine:
        tokens = engine.generate(IDS, Sampling())
        next(tokens)
        spoil(qwen / "model.safetensors")
        with pytest.raises(Failed, match=r"model\.safetensors was removed, truncated or"):
            next(tokens)


def test_a_file_that_ends_within_an_expert_fails_the_run(
    qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside("reads").Reader, "check", lambda self: None)
    with streamed(qwen) as engine:
        os.truncate(qwen / "model.safetensors", 9000)
        with pytest.raises(Failed, match="in the middle of an expert"):
            testing.take(engine, IDS, 2)


def test_a_read_error_fails_the_run(qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    with streamed(qwen) as engine:
        monkeypatch.setattr(os, "preadv", broken)
        with pytest.raises(Failed, match=r"cannot be read at byte \d+: Input/output error"):
            testing.take(engine, IDS, 2)


@pytest.mark.parametrize("residency", ["resident", "stream"])
@pytest.mark.parametrize("name", FAMILIES)
def test_routing_is_counted(name: str, residency: str, family: Make) -> None:
    """Of what is streamed, unasked."""
    asked = {"residency": residency, "telemetry": residency == "resident"}
    with loaded(family(name), experts=asked, batch=20) as engine:
        engine.logprobs(IDS)
        assert routing(engine) == {}, "only what is generated counts"
        testing.take(engine, IDS, 5)
        found = routing(engine)
        assert list(found) == ["prefill", "decode"]
        for phase, tokens in (("prefill", len(IDS)), ("decode", 4)):
            assert found[phase].tokens == tokens
            assert [len(layer) for layer in found[phase].used] == [EXPERTS] * LAYERS
            assert [sum(layer) for layer in found[phase].used] == [tokens * K] * LAYERS
            overlap = found[phase].overlap
            assert overlap is not None
            assert 0 <= overlap <= 1
            assert found[phase].seconds > 0
        assert routing(engine) == {}


def test_streamed_and_resident_are_routed_alike(family: Make) -> None:
    found = []
    for residency in ("resident", "stream"):
        asked = {"residency": residency, "telemetry": True}
        with loaded(family("qwen3_moe"), experts=asked) as engine:
            testing.take(engine, IDS, 5)
            found.append(routing(engine))
    resident, stream = found
    for phase in ("prefill", "decode"):
        assert stream[phase].used == resident[phase].used
        assert stream[phase].overlap == resident[phase].overlap
        assert stream[phase].wanted == resident[phase].wanted
        assert resident[phase].waited is None
        waited = stream[phase].waited
        assert waited is not None
        assert 0 < waited < stream[phase].seconds
    expert = 3 * 64 * 48 * 2
    assert stream["decode"].wanted == 4 * LAYERS * K * expert


def test_nothing_resident_is_counted_unless_asked_for(family: Make) -> None:
    with loaded(family("mixtral"), experts={"residency": "resident"}) as engine:
        testing.take(engine, IDS, 3)
        assert routing(engine) == {}


def test_streaming_closes_its_files(qwen: Path) -> None:
    def here() -> int:
        return sum("model.safetensors" in str(p.resolve()) for p in Path("/proc/self/fd").iterdir())

    with streamed(qwen):
        assert here() == 1
    assert here() == 0
