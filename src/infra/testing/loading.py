"""What a loaded engine says of itself, and what it leaves behind."""

import gc
from dataclasses import asdict

import psutil

from infra import chat
from infra.plan import Plan
from infra.protocols import Backend, Engine
from infra.testing.models import PROMPTS, loaded, take, tokenizer_of


def states_its_facts(engine: Engine, plan: Plan) -> None:
    facts, weights = engine.facts, plan.model
    assert facts.engine.count(" ") == 1, "engine is 'distribution version'"
    assert facts.device
    assert facts.dtype
    assert facts.parameters > 0
    assert 1 < facts.bits_per_weight < 40
    assert abs(sum(facts.schemes.values()) - 1) < 1e-6
    assert 0 <= facts.unquantized <= 1
    assert facts.context > 0
    assert facts.experts == weights.experts
    assert facts.effective_k == (plan.experts_active or weights.experts_used)
    assert set(facts.options) >= set(asdict(plan.load))
    assert engine.eos
    assert engine.template == tokenizer_of(plan).chat_template
    assert facts.template_sha256 == chat.sha256(engine.template)
    assert engine.device_memory() is None or facts.device != "cpu"


def closing_frees_the_model(backend: Backend, plan: Plan) -> None:
    """Of the weights of four loads, less than half is still in memory after as many closes."""
    process = psutil.Process()
    for _ in range(2):  # libraries allocate what they keep
        copy = _load_and_close(backend, plan)
    before = process.memory_info().rss
    for _ in range(4):
        _load_and_close(backend, plan)
    assert process.memory_info().rss - before < 2 * copy


def _load_and_close(backend: Backend, plan: Plan) -> int:
    with loaded(backend, plan) as engine:
        take(engine, engine.encode(PROMPTS[0]), 2)
        size = engine.facts.weight_bytes
    del engine
    gc.collect()
    return size
