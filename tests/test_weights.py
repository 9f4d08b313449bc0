"""Weights on this disk: found, described and hashed, or refused in one sentence."""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import gguf
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

import made
from conftest import GGUF, TINY
from infra import weights
from infra.configuration.schema import Model
from infra.errors import Refused
from infra.plan import Weights
from infra.plugins import bundled
from infra.weights import sources
from infra.weights.hub import COMMIT
from infra.weights.metadata import of_config
from infra.weights.sources import Source

BOTH = ("safetensors", "gguf")


def resolve(path: Path | str, *formats: str) -> Weights:
    backend: Any = SimpleNamespace(formats=formats or BOTH)
    return weights.resolve(Model(name="m", path=str(path)), "some", backend, "stored")


def counted(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    """``function`` of a path, noting which weights it was called with."""

    def wrapper(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.suffix == ".gguf":
            names.append(path.name)
        return function(path, *arguments, **options)

    return wrapper


def refusal(path: Path | str, *formats: str) -> str:
    with pytest.raises(Refused) as error:
        resolve(path, *formats)
    return str(error.value)


# --- what is whole ---


def test_a_checkpoint_is_described_by_its_config(tmp_path: Path) -> None:
    found = resolve(made.checkpoint(tmp_path, shards=3))
    assert (found.format, found.quantization) == ("safetensors", "none")
    assert (found.experts, found.experts_used, found.context) == (8, 2, 512)
    assert found.path == str(tmp_path)


def test_a_gguf_is_described_by_its_metadata(tmp_path: Path) -> None:
    found = resolve(made.gguf_file(tmp_path / "m.gguf", general__file_type=15))
    assert (found.format, found.quantization) == ("gguf", "q4")
    assert (found.experts, found.experts_used, found.context) == (8, 2, 512)


def test_a_split_gguf_is_taken_by_any_part(tmp_path: Path) -> None:
    first = made.gguf_file(tmp_path / "m.gguf", parts=3)
    last = first.with_name("m-00003-of-00003.gguf")
    assert resolve(last) == resolve(first)
    assert resolve(first).path == str(first)


@pytest.mark.parametrize(
    ("file_type", "scheme"),
    [(0, "none"), (1, "none"), (32, "none"), (7, "q8"), (12, "q3"), (10, "q2"), (18, "q6_k")],
)
def test_a_gguf_names_its_scheme(tmp_path: Path, file_type: int, scheme: str) -> None:
    path = made.gguf_file(tmp_path / "m.gguf", general__file_type=file_type)
    assert resolve(path).quantization == scheme


def test_a_gguf_without_a_file_type_is_what_most_of_it_is(tmp_path: Path) -> None:
    assert resolve(made.gguf_file(tmp_path / "m.gguf")).quantization == "none"


def test_the_bundled_model_is_the_same_in_both_formats() -> None:
    as_safetensors, as_gguf = resolve(TINY / "weights"), resolve(GGUF)
    same = ("experts", "experts_used", "context", "quantization")
    assert [getattr(as_gguf, key) for key in same] == [8, 2, as_safetensors.context, "none"]
    assert [getattr(as_safetensors, key) for key in same][:2] == [8, 2]


def test_gguf_metadata_is_what_the_reference_reader_finds() -> None:
    ours, reader = weights.gguf_metadata(GGUF), gguf.GGUFReader(GGUF)
    theirs = {
        name: {"length": len(field.data)} if len(field.types) > 1 else field.contents()
        for name, field in reader.fields.items()
        if not name.startswith("GGUF.")
    }
    assert ours == theirs


def test_the_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    path = made.gguf_file(tmp_path / "m.gguf")
    assert weights.sha256_of([path]) == hashlib.sha256(path.read_bytes()).hexdigest()
    folder = made.checkpoint(tmp_path / "c", shards=2)
    files = sorted(file.name for file in folder.iterdir())
    printed = "".join(f"{weights.sha256_of([folder / file])}  {file}\n" for file in files)
    assert resolve(folder).digest == hashlib.sha256(printed.encode()).hexdigest()


def test_the_digest_follows_the_file(tmp_path: Path) -> None:
    folder = made.checkpoint(tmp_path)
    before = resolve(folder).digest
    assert resolve(folder).digest == before
    (folder / "tokenizer.json").write_text("{ }")
    assert resolve(folder).digest != before


def test_the_digest_follows_a_file_whose_time_was_set_back(tmp_path: Path) -> None:
    path = made.gguf_file(tmp_path / "m.gguf")
    before, known = path.stat(), resolve(path)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert resolve(path).digest != known.digest


def test_files_that_have_changed_since_they_were_described_are_told(tmp_path: Path) -> None:
    folder = made.checkpoint(tmp_path)
    known = resolve(folder)
    assert weights.changed(known) is None
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    told = weights.changed(known)
    assert told
    assert f"files of {folder} have changed since this run was planned" in told
    assert weights.changed(replace(known, random=True)) is None
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    assert weights.changed(known) is None, "who has loaded them has them still"


def test_a_file_is_read_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made.gguf_file(tmp_path / "m.gguf")
    known = resolve(path)
    reads: list[str] = []
    monkeypatch.setattr(Path, "open", counted(Path.open, reads))
    assert (resolve(path), reads) == (known, [])
    os.utime(path, ns=(0, 0))
    assert (resolve(path), reads) == (known, ["m.gguf", "m.gguf"])


def test_notes_that_cannot_be_read_or_kept_cost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made.gguf_file(tmp_path / "m.gguf")
    monkeypatch.setenv("INFRA_CACHE", str(tmp_path / "cache"))
    known = resolve(path)
    for note in (tmp_path / "cache").rglob("*.json"):
        note.write_text('{"stamp"')
    assert resolve(path) == known
    monkeypatch.setenv("INFRA_CACHE", "/dev/null/cache")
    assert resolve(path) == known


# --- what config.json says ---


@pytest.mark.parametrize(
    ("config", "experts", "used"),
    [
        ({"num_experts": 128, "num_experts_per_tok": 8}, 128, 8),
        ({"num_local_experts": 32, "experts_per_token": 4}, 32, 4),
        ({"n_routed_experts": 64, "num_experts_per_tok": 6}, 64, 6),
        ({"num_experts": 16, "moe_topk": [2, 2, 2]}, 16, 2),
        ({"moe_num_experts": 64, "moe_k": 6}, 64, 6),
        ({"ffn_config": {"moe_num_experts": 16, "moe_top_k": 4}}, 16, 4),
        ({"text_config": {"num_experts": 128, "top_k_experts": 8}}, 128, 8),
        ({"thinker_config": {"text_config": {"num_experts": 8, "num_experts_per_token": 2}}}, 8, 2),
        ({"num_experts": 16, "moe_topk": [1, 2, 4]}, 16, None),
        ({"num_experts": None, "top_k_experts": None}, None, None),
        ({"num_experts": 1, "num_experts_per_tok": 1}, None, None),
        ({"num_experts": "many", "num_experts_per_tok": True}, None, None),
        ({"hidden_size": 64}, None, None),
    ],
)
def test_experts_of_many_families(
    config: dict[str, Any], experts: int | None, used: int | None
) -> None:
    said = of_config(config)
    assert (said["experts"], said["experts_used"]) == (experts, used)


@pytest.mark.parametrize(
    ("config", "scheme"),
    [
        ({}, "none"),
        ({"quantization": None}, "none"),
        ({"quantization": {"bits": 4, "group_size": 64}}, "q4"),
        ({"quantization": {"bits": 8, "group_size": 64, "mode": "affine"}}, "q8"),
        ({"quantization": {"bits": 4, "group_size": 32}}, "q4_g32"),
        ({"quantization": {"bits": 4, "group_size": 32, "mode": "mxfp4"}}, "mxfp4"),
        ({"quantization_config": {"quant_method": "fp8", "bits": 8}}, "fp8"),
        ({"text_config": {"quantization_config": {"quant_method": "awq", "bits": 4}}}, "awq"),
    ],
)
def test_quantization_of_a_checkpoint(config: dict[str, Any], scheme: str) -> None:
    assert of_config(config)["quantization"] == scheme


def test_context_of_a_nested_config() -> None:
    assert of_config({"text_config": {"max_position_embeddings": 4096}})["context"] == 4096


# --- what is picked ---


def choice(name: str) -> Model:
    """A choice of the group ``model``, checked as Hydra checks it."""
    loaded = OmegaConf.load(bundled("conf") / "model" / f"{name}.yaml")
    model = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Model), loaded))
    assert isinstance(model, Model)
    return model


def picked(model: Model, name: str, quantization: str, *formats: str) -> Source:
    backend: Any = SimpleNamespace(formats=formats)
    return sources.pick(model, name, backend, quantization)


def test_the_bundled_model_runs_on_any_backend() -> None:
    tiny = choice("tiny")
    assert picked(tiny, "llama_cpp", "q4", "gguf").path == GGUF
    assert picked(tiny, "a_strangers", "stored", "safetensors").path == TINY / "weights"
    assert {name for name, _ in weights.installed(tiny)} == {"safetensors any", "gguf any"}


def test_qwen_has_weights_for_each_engine() -> None:
    qwen = choice("qwen")
    gguf_q2 = picked(qwen, "llama_cpp", "q2", "gguf")
    assert gguf_q2.file == "Qwen3-30B-A3B-Instruct-2507-Q2_K.gguf"
    assert str(picked(qwen, "mlx", "q4", "safetensors")).endswith("-4bit")
    assert str(picked(qwen, "mlx", "q3", "safetensors")) == "Qwen/Qwen3-30B-A3B-Instruct-2507"
    assert str(picked(qwen, "transformers", "q8", "safetensors")) == "Qwen/" + qwen.about


def test_every_source_on_the_hub_is_pinned() -> None:
    names = [path.stem for path in (bundled("conf") / "model").glob("*.yaml")]
    found = [source for name in names for _, source in sources.listed(choice(name))]
    pins = [source.repository for source in found if source.repository]
    assert len(pins) == 16
    assert all(COMMIT.fullmatch(pin.revision) for pin in pins)


def test_a_backends_own_source_comes_before_that_of_its_format(tmp_path: Path) -> None:
    own, other = made.checkpoint(tmp_path / "own"), made.checkpoint(tmp_path / "other")
    model = Model(name="m", sources={"mlx": {"q4": str(own)}, "safetensors": {"any": str(other)}})
    assert picked(model, "mlx", "q4", "safetensors").path == own
    assert picked(model, "mlx", "q8", "safetensors").path == other


def test_a_missing_source_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match=r"safetensors \(any\); mlx \(stored, q4, q8\); gguf \("):
        picked(choice("qwen"), "llama_cpp", "q5", "gguf")


def test_a_local_model_without_a_path_is_refused() -> None:
    with pytest.raises(Refused, match=r"model=local needs weights: model\.path="):
        picked(choice("local"), "llama_cpp", "stored", "gguf")


def test_a_source_that_is_no_source_is_refused() -> None:
    model = Model(name="m", sources={"gguf": {"any": {"repo": "org/m", "flie": "m.gguf"}}})
    with pytest.raises(Refused, match=r"model=m, gguf any: .*flie.* is neither a path nor repo"):
        picked(model, "llama_cpp", "stored", "gguf")


# --- what is refused ---


def test_a_missing_path_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    made.gguf_file(tmp_path / "model-q4.gguf")
    said = refusal(tmp_path / "model-q5.gguf")
    assert said == f"{tmp_path}/model-q5.gguf does not exist. Did you mean 'model-q4.gguf'?"
    assert refusal(tmp_path / "no" / "where") == f"{tmp_path}/no/where does not exist."


def test_a_format_that_the_backend_cannot_read_is_refused(tmp_path: Path) -> None:
    said = refusal(made.checkpoint(tmp_path), "gguf")
    assert f"backend=some reads gguf, and {tmp_path} is safetensors, which backend=" in said
    assert "backend=transformers" in said
    assert f"There is also {GGUF}." in refusal(TINY / "weights", "gguf")
    assert "backend=llama_cpp" in refusal(made.gguf_file(tmp_path / "m.gguf"), "safetensors")


def test_one_safetensors_file_is_refused_with_its_directory(tmp_path: Path) -> None:
    assert f"give its directory, {tmp_path}." in refusal(tmp_path / "model.safetensors")


def test_a_directory_of_pickles_is_refused(tmp_path: Path) -> None:
    made.checkpoint(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert "only as pickle (pytorch_model.bin), which can run code" in refusal(tmp_path)


def test_a_directory_of_gguf_is_refused_with_the_file(tmp_path: Path) -> None:
    made.gguf_file(tmp_path / "m.gguf")
    assert refusal(tmp_path) == f"{tmp_path} holds GGUF files: name one of them, e.g. m.gguf."
    assert "name one of them, e.g. m.gguf" in refusal(tmp_path, "gguf")


def test_a_file_of_another_kind_is_no_weights(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"PK\3\4")
    said = f"{file} is no GGUF file, and no directory of safetensors either."
    assert refusal(file, "safetensors") == refusal(file, "gguf") == said
    os.mkfifo(tmp_path / "pipe")
    assert "pipe is no GGUF file" in refusal(tmp_path / "pipe")
    assert resolve(made.gguf_file(tmp_path / "blob")).format == "gguf"


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} holds no safetensors, so there are no weights to load."


def test_a_checkpoint_without_config_is_refused(tmp_path: Path) -> None:
    (made.checkpoint(tmp_path) / "config.json").unlink()
    assert f"{tmp_path} has no config.json" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["config.json", *weights.OBJECTS])
@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, "\udcff"])
def test_a_broken_config_is_refused(tmp_path: Path, name: str, text: str) -> None:
    config = made.checkpoint(tmp_path) / name
    config.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert str(config) in refusal(tmp_path)


def test_a_checkpoint_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    (made.checkpoint(tmp_path) / "tokenizer.json").unlink()
    assert "has no tokenizer" in refusal(tmp_path)


def test_a_missing_shard_is_refused(tmp_path: Path) -> None:
    (made.checkpoint(tmp_path, shards=3) / "model-00002-of-00003.safetensors").unlink()
    assert "1 of its 6 files are missing, first model-00002-of" in refusal(tmp_path)


@pytest.mark.parametrize("shard", ["../model.safetensors", "/etc/passwd", 7, None])
def test_an_index_that_leaves_its_folder_is_refused(tmp_path: Path, shard: object) -> None:
    index = made.checkpoint(tmp_path) / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"weight": shard}}))
    assert "no weight_map from tensors to files in its folder" in refusal(tmp_path)


def test_a_missing_part_of_a_gguf_is_refused(tmp_path: Path) -> None:
    first = made.gguf_file(tmp_path / "m.gguf", parts=3)
    first.with_name("m-00002-of-00003.gguf").unlink()
    assert "1 of its 3 files are missing, first m-00002-of-00003.gguf" in refusal(first)


def test_a_renamed_part_of_a_gguf_is_refused(tmp_path: Path) -> None:
    lone = made.gguf_file(tmp_path / "m.gguf", parts=2).rename(tmp_path / "lone.gguf")
    assert "lone.gguf is one of 2 parts and not named like one" in refusal(lone)


@pytest.mark.parametrize("name", ["m-00001-of-00000.gguf", "m-00000-of-00000.gguf"])
def test_a_name_that_looks_split_is_just_a_name(tmp_path: Path, name: str) -> None:
    assert resolve(made.gguf_file(tmp_path / name)).path == str(tmp_path / name)


def test_nonsense_in_the_metadata_is_refused(tmp_path: Path) -> None:
    path = made.gguf_file(tmp_path / "m.gguf", general__file_type=2**32 - 1, split__count=9)
    assert "is one of 9 parts" in refusal(path)
    text = path.read_bytes().replace(b"split.count", b"split.c0unt")
    path.write_bytes(text.replace(b"general.architecture", b"general.architectur3"))
    assert refusal(path) == f"{path} names no architecture, so no engine can load it."


def test_a_vocabulary_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocab.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    assert "holds no tensors" in refusal(path)


@pytest.mark.parametrize(
    "name", ["m.gguf", "c", "c/config.json", "c/model.safetensors", "c/tokenizer.json"]
)
def test_a_file_that_may_not_be_read_is_refused(nobody: Path, name: str) -> None:
    made.gguf_file(nobody / "m.gguf")
    made.checkpoint(nobody / "c")
    (nobody / name).chmod(0)
    asked = nobody / "c" if name.startswith("c") else nobody / name
    assert refusal(asked) == f"{nobody / name} cannot be read: Permission denied."


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder of a user who is not root, whom no permission would stop."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        with TemporaryDirectory() as folder:
            yield Path(folder)
    finally:
        os.seteuid(before)


BOMB = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sII", 1, b"a", 9, 4)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(BOMB.__add__)))
@example(b"")
@example(b"GGUF")
@example(b"GGUF" + struct.pack(">IQQ", 3, 0, 0))
@example(b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0))
@example(BOMB + struct.pack("<Q", 2**60))
@example(BOMB[:-4] + struct.pack("<IQ", 8, 2**60))
@example(BOMB[:-4] + struct.pack("<IQ", 9, 2**60))
def test_any_bytes_as_gguf_are_refused(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.gguf"
        path.write_bytes(data)
        refusal(path)


@given(st.binary(max_size=200))
@example(b"")
@example(struct.pack("<Q", 2**63) + b"{}")
@example(struct.pack("<Q", 2) + b"{}")
@example(struct.pack("<Q", 100_000) + b"[" * 100_000)
def test_any_bytes_as_safetensors_are_refused(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        (made.checkpoint(Path(folder)) / "model.safetensors").write_bytes(data)
        refusal(folder)


def damaged(path: Path, data: st.DataObject) -> None:
    """Cut the file short, or write eight bytes of nonsense somewhere."""
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    nonsense = data.draw(st.one_of(st.none(), st.binary(min_size=8, max_size=8)))
    path.write_bytes(whole[:at] if nonsense is None else whole[:at] + nonsense + whole[at + 8 :])


@given(st.data())
def test_damage_to_a_gguf_is_refused_or_harmless(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        damaged(path := made.gguf_file(Path(folder) / "m.gguf", general__file_type=1), data)
        with suppress(Refused):
            assert resolve(path).format == "gguf"


@given(st.data())
def test_damage_to_safetensors_is_refused_or_harmless(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        damaged(made.checkpoint(Path(folder)) / "model.safetensors", data)
        with suppress(Refused):
            assert resolve(folder).format == "safetensors"


@given(st.integers(0, GGUF.stat().st_size - 1))
@settings(max_examples=20)
def test_the_bundled_gguf_cut_anywhere_is_refused(size: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(shutil.copy(GGUF, folder))
        os.truncate(path, size)
        assert "is not a whole GGUF file" in refusal(path)
