"""The bundled model's prompts are fair, and it has the skill that its card claims."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

import corpus
import phrasings
import tools
from conftest import TINY, Done
from corpus import EASY, HARD, TRAINING, Sampler, is_held_out

LISTS = ("REQUEST", "JOIN", "PAIRS", "TALK")


def test_no_sentence_is_in_training_and_in_judging() -> None:
    for tool, sentences in phrasings.TRAIN.items():
        assert not set(sentences) & set(phrasings.HELD_OUT[tool]), tool
    for name in LISTS:
        lists = getattr(phrasings, name)
        assert not set(lists["train"]) & set(lists["held_out"]), name


def values(style: corpus.Style, seed: int) -> set[str]:
    """Words and numbers that are copied, as drawn by 500 turns."""
    sampler = Sampler(random.Random(seed), style)
    turns = (sampler.turn(sampler.offered()) for _ in range(500))
    chosen = {*tools.UNITS, *tools.DAYS, *tools.CURRENCIES, *map(str, range(25))}
    return {word.lower() for turn in turns for value in turn.values for word in value.split()} - {
        each.lower() for each in chosen
    }


@pytest.mark.parametrize("seed", range(3))
def test_no_value_is_in_training_and_in_judging(seed: int) -> None:
    judged, trained = values(EASY, seed), values(TRAINING, seed)
    assert not judged & trained
    assert all(is_held_out(value) for value in judged | values(HARD, seed))


def test_any_seed_gives_prompts_of_every_kind() -> None:
    rows = list(corpus.prompts(123, 300, EASY))
    calls = [len(row["expected"]) for row in rows]
    assert {0, 1, 2} == set(calls)
    assert len({row["messages"][0]["content"] for row in rows}) > 280
    orders = {tuple(tool["function"]["name"] for tool in row["tools"]) for row in rows}
    assert len(orders) > 200


def test_the_bundled_sets_are_what_the_generator_draws() -> None:
    sets = {
        "prompts": (1, 24, EASY),
        "prompts_heldout": (2, 300, EASY),
        "prompts_hard": (3, 100, HARD),
    }
    for name, (seed, n, style) in sets.items():
        kept = [json.loads(line) for line in (TINY / f"{name}.jsonl").open()]
        assert kept == list(corpus.prompts(seed, n, style)), name


def test_the_generator_is_a_command() -> None:
    command = [sys.executable, str(TINY / "corpus.py"), "--seed", "9", "--n", "3", "--hard"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows == list(islice(corpus.prompts(9, 3, HARD), 3))


def test_both_formats_hold_the_same_weights() -> None:
    import gguf
    import numpy as np
    from safetensors import safe_open

    reader = gguf.GGUFReader(TINY / "weights" / "tiny-moe-f16.gguf")
    theirs = {tensor.name: tensor.data for tensor in reader.tensors}
    with safe_open(str(TINY / "weights" / "model.safetensors"), "pt") as file:
        ours = file.get_tensor("model.layers.1.self_attn.q_proj.weight").float().numpy()
        expert = file.get_tensor("model.layers.2.mlp.experts.3.up_proj.weight").float().numpy()
    assert np.array_equal(ours, theirs["blk.1.attn_q.weight"].astype(np.float32))
    assert np.array_equal(expert, theirs["blk.2.ffn_up_exps.weight"][3].astype(np.float32))


def test_each_format_is_small() -> None:
    for name in ("model.safetensors", "tiny-moe-f16.gguf"):
        assert (TINY / "weights" / name).stat().st_size <= 15_000_000


@pytest.mark.parametrize(("engine", "n"), [("llama_cpp", 200), ("transformers", 60), ("mlx", 30)])
def test_it_calls_tools_exactly(
    infra: Callable[..., Done], home: Path, engine: str, n: int
) -> None:
    rows = corpus.prompts(4711, n, EASY)
    (home / "p.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    done = infra(f"backend={engine}", "prompts.file=p.jsonl", "tracking=none")
    assert done.record["metrics"]["tool_call_exact"]["value"] >= 0.95
