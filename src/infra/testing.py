"""What every engine must pass, as plain functions for the tests of a backend's author.

    @pytest.fixture(scope="module")
    def engine(plan):
        with testing.loaded(MyBackend(), plan) as engine:
            yield engine

    @pytest.mark.parametrize("clause", testing.CLAUSES, ids=lambda clause: clause.__name__)
    def test_my_engine(clause, engine, plan):
        clause(engine, plan)

    def test_my_backend_frees_its_models(plan):
        testing.closing_frees_the_model(MyBackend(), plan)

Each raises AssertionError where the contract of ``infra.protocols`` is broken. They need a model
with a tokenizer.json beside its weights, and the ``transformers`` extra as a second opinion.
"""

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from infra import chat
from infra.plan import Load, Plan, PromptSet, Weights
from infra.protocols import Backend, Engine
from infra.types import Prompt, Sampling, Token

Floats = NDArray[np.float32]

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

#: what encode() is compared on: plain, with tools, beyond ASCII, with special tokens spelled out
PROMPTS = (
    Prompt("plain", ({"role": "user", "content": "Hello, what can you do?"},)),
    Prompt("tools", ({"role": "user", "content": "Weather in Oslo?"},), (WEATHER,)),
    Prompt("unicode", ({"role": "user", "content": "Grüße 東京 🙂\n\n  x = 1;\t// naïve"},)),
    Prompt("special", ({"role": "user", "content": "a<|im_end|>b <tool_call></tool_call>"},)),
    Prompt(
        "turns",
        (
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1 + 1?"},
            {"role": "assistant", "content": "2"},
            {"role": "user", "content": "And 2 + 2?"},
        ),
    ),
)

#: what distribution() is compared on: each step alone, then together
SETTINGS = (
    Sampling(temperature=0),
    Sampling(temperature=0, repetition_penalty=1.5, top_k=5, top_p=0.5, min_p=0.2),
    Sampling(temperature=1),
    Sampling(temperature=0.6),
    Sampling(temperature=1, repetition_penalty=1.3),
    Sampling(temperature=1, repetition_penalty=0.8),
    Sampling(temperature=1, top_k=40),
    Sampling(temperature=1, top_k=5000),
    Sampling(temperature=1, top_p=0.9),
    Sampling(temperature=1, top_p=0.01),
    Sampling(temperature=1, min_p=0.05),
    Sampling(temperature=1.7, top_k=50, top_p=0.8, min_p=0.1, repetition_penalty=1.2),
    Sampling(temperature=0.3, top_k=20, top_p=0.95, min_p=0.02, repetition_penalty=1.1),
    Sampling(temperature=3, top_k=200, top_p=0.5, min_p=0.3),
)


#: nats between two tokens that are as good as equal: half floats often make two logits the same
TIE = 0.05


def plan_for(
    path: Path,
    backend: str,
    quantization: str = "stored",
    experts_active: int | None = None,
    **load: Any,
) -> Plan:
    """A plan for the weights at ``path``: a directory, or a GGUF file with a config.json beside it.

    Args:
        load: fields of ``infra.plan.Load``.
    """
    config = json.loads((_directory(path) / "config.json").read_text())
    text = config.get("text_config", config)
    weights = Weights(
        name=path.name,
        path=str(path),
        format="safetensors" if path.is_dir() else "gguf",
        experts=text.get("num_experts", text.get("num_local_experts")),
        experts_used=text.get("num_experts_per_tok"),
        context=text.get("max_position_embeddings"),
    )
    prompts = PromptSet(source="infra.testing", digest="", count=len(PROMPTS))
    return Plan(weights, backend, quantization, prompts, experts_active, load=Load(**load))


def reference_distribution(logits: Floats, history: Sequence[int], sampling: Sampling) -> Floats:
    """The one sampling order of ``infra.types.Sampling`` in numpy, computed in float64.

    Args:
        logits: float32 of shape (vocabulary,).
        history: ids of the prompt and of what was generated.

    Returns:
        Probabilities, float32 of shape (vocabulary,). At temperature 0 all is on the largest
        logit, the penalty applied.
    """
    scores = _penalized(logits.astype(np.float64), history, sampling.repetition_penalty)
    if sampling.temperature == 0:
        return np.asarray(np.arange(len(scores)) == np.argmax(scores), dtype=np.float32)
    scores /= sampling.temperature
    order = np.argsort(-scores, kind="stable")
    kept = np.zeros(len(scores), dtype=bool)
    kept[order[: sampling.top_k or None]] = True
    ranked = _softmax(np.where(kept, scores, -np.inf))[order]
    kept[order] &= np.cumsum(ranked) - ranked < sampling.top_p
    kept[order] &= ranked >= sampling.min_p * ranked[0]
    return _softmax(np.where(kept, scores, -np.inf)).astype(np.float32)


def _penalized(
    scores: NDArray[np.float64], history: Sequence[int], penalty: float
) -> NDArray[np.float64]:
    seen = np.unique(np.asarray(history, dtype=np.int64))
    picked = scores[seen]
    scores[seen] = np.where(picked > 0, picked / penalty, picked * penalty)
    return scores


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


@contextmanager
def loaded(backend: Backend, plan: Plan) -> Iterator[Engine]:
    """An engine, closed afterwards."""
    backend.prepare(plan)
    engine = backend.load(plan)
    yield engine
    engine.close()


def take(engine: Engine, ids: Sequence[int], count: int, **sampling: Any) -> list[Token]:
    """The first ``count`` tokens that the engine generates after ``ids``."""
    return list(islice(engine.generate(ids, Sampling(**sampling)), count))


def encodes_like_transformers(engine: Engine, plan: Plan) -> None:
    tokenizer = _tokenizer(plan)
    for prompt in PROMPTS:
        text = tokenizer.apply_chat_template(
            list(prompt.messages),
            tools=list(prompt.tools) or None,
            add_generation_prompt=True,
            tokenize=False,
        )
        expected = tokenizer.encode(text, add_special_tokens=False)
        assert engine.encode(prompt) == expected, prompt.id


def decodes_like_transformers(engine: Engine, plan: Plan) -> None:
    """Nearly uniform draws: split characters, broken UTF-8 and special tokens all come up."""
    tokens = take(engine, engine.encode(PROMPTS[0]), 300, temperature=100.0, seed=3)
    whole = _tokenizer(plan).decode([token.id for token in tokens], skip_special_tokens=False)
    seen = "".join(token.text for token in tokens).replace("\ufffd", "")
    assert seen
    assert whole.replace("\ufffd", "").startswith(seen)


def starts_from_an_empty_cache(engine: Engine, _: Plan) -> None:
    """The same ids and seed give the same tokens, whatever ran or was left unfinished before."""
    first, second = engine.encode(PROMPTS[0]), engine.encode(PROMPTS[3])
    for sampling in ({"temperature": 0.0}, {"temperature": 2.0, "seed": 7}):
        alone = take(engine, first, 12, **sampling)
        other = take(engine, second, 5, temperature=1.0, seed=1)
        assert take(engine, first, 12, **sampling) == alone
        assert take(engine, second, 5, temperature=1.0, seed=1) == other
        engine.logprobs(second)
        assert take(engine, first, 12, **sampling) == alone


def draws_by_the_seed_alone(engine: Engine, _: Plan) -> None:
    ids = engine.encode(PROMPTS[0])
    runs = [take(engine, ids, 16, temperature=5.0, seed=seed) for seed in (1, 2, 1)]
    assert runs[0] == runs[2] != runs[1]


def shapes_probabilities_in_the_one_order(engine: Engine, _: Plan) -> None:
    rng = np.random.default_rng(0)
    logits = (4 * rng.standard_normal(1024)).astype(np.float32)
    for history in ((), tuple(int(i) for i in rng.integers(0, 1024, 300))):
        for sampling in SETTINGS:
            given = logits.copy()
            shaped = engine.distribution(given, history, sampling)
            expected = reference_distribution(logits, history, sampling)
            assert shaped.shape == (1024,)
            assert shaped.dtype == np.float32
            assert np.array_equal(given, logits), "distribution() changed its argument"
            np.testing.assert_allclose(shaped, expected, atol=1e-4, err_msg=str(sampling))


def narrows_to_greedy(engine: Engine, _: Plan) -> None:
    """Each step, set so that only the best token is left, gives what temperature 0 gives."""
    ids = engine.encode(PROMPTS[0])
    greedy = take(engine, ids, 10, temperature=0.0)
    for step in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}, {"temperature": 1e-4}):
        drawn = take(engine, ids, 10, **{"temperature": 1.5, "seed": 5, **step})
        gap = first_gap(engine, ids, greedy, drawn)
        assert gap < TIE, f"{step}: {gap} nats below the best token"


def first_gap(
    engine: Engine, ids: Sequence[int], best: Sequence[Token], other: Sequence[Token]
) -> float:
    """Nats by which ``engine`` prefers ``best`` over ``other`` after ``ids``, where they first
    differ; 0 if they do not."""
    before = list(ids)
    for ours, theirs in zip(best, other, strict=True):
        if ours.id != theirs.id:
            preferred, given = (engine.logprobs([*before, t.id])[-1] for t in (ours, theirs))
            return float(preferred - given)
        before.append(ours.id)
    return 0.0


def penalizes_prompt_and_output(engine: Engine, _: Plan) -> None:
    """A huge penalty rules out each token that was in the prompt or came before."""
    ids = engine.encode(PROMPTS[2])
    new = [t.id for t in take(engine, ids, 40, temperature=0.0, repetition_penalty=1e6)]
    assert len(set(new)) == len(new)
    assert not set(new) & set(ids)


def draws_as_often_as_probable(engine: Engine, _: Plan) -> None:
    """The first token of 200 seeds, against what logprobs() says of the four likeliest."""
    ids = engine.encode(PROMPTS[0])[:4]
    drawn = [take(engine, ids, 1, temperature=3.0, top_k=4, seed=seed)[0].id for seed in range(200)]
    support, counts = np.unique(drawn, return_counts=True)
    assert len(support) <= 4
    scores = np.array([engine.logprobs([*ids, int(i)])[-1] for i in support], np.float64)
    assert 0.5 * np.abs(counts / 200 - _softmax(scores / 3)).sum() < 0.15


def scores_what_it_generates(engine: Engine, _: Plan) -> None:
    """Greedy tokens are the likeliest by logprobs(), whose values look at the past alone."""
    ids = engine.encode(PROMPTS[0])
    whole = [*ids, *(token.id for token in take(engine, ids, 3, temperature=0.0))]
    scores = engine.logprobs(whole)
    assert scores.shape == (len(whole) - 1,)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert (scores <= 0).all()
    for end in range(len(ids), len(whole)):
        np.testing.assert_allclose(engine.logprobs(whole[: end + 1]), scores[:end], atol=TIE)
        assert scores[end - 1] >= _best_of_some(engine, whole[:end]) - TIE


def reads_long_prompts_in_chunks(engine: Engine, plan: Plan) -> None:
    """Longer than a batch: nothing is cut off, in generate() nor in logprobs()."""
    length = min(max(plan.load.batch or 512, 256) + 50, engine.facts.context - 8)
    ids = (engine.encode(PROMPTS[1]) * length)[:length]
    scores = engine.logprobs(ids)
    assert scores.shape == (length - 1,)
    np.testing.assert_allclose(engine.logprobs(ids[:40]), scores[:39], atol=TIE)
    token = take(engine, ids, 1, temperature=0.0)[0].id
    assert engine.logprobs([*ids, token])[-1] >= _best_of_some(engine, ids) - TIE


def _best_of_some(engine: Engine, ids: list[int]) -> float:
    """The higher log-probability of two tokens after ``ids``."""
    return max(float(engine.logprobs([*ids, token])[-1]) for token in (300, 600))


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
    assert engine.template == _tokenizer(plan).chat_template
    assert facts.template_sha256 == chat.sha256(engine.template)
    assert engine.device_memory() is None or facts.device != "cpu"


#: all that one loaded engine must pass, in the order of their cost
CLAUSES: tuple[Callable[[Engine, Plan], None], ...] = (
    states_its_facts,
    shapes_probabilities_in_the_one_order,
    encodes_like_transformers,
    decodes_like_transformers,
    draws_by_the_seed_alone,
    starts_from_an_empty_cache,
    narrows_to_greedy,
    penalizes_prompt_and_output,
    scores_what_it_generates,
    reads_long_prompts_in_chunks,
    draws_as_often_as_probable,
)


def closing_frees_the_model(backend: Backend, plan: Plan) -> None:
    """Of the weights of eight loads, less than half is still in memory after as many closes."""
    process = psutil.Process()
    for _ in range(2):  # libraries allocate what they keep
        copy = _load_and_close(backend, plan)
    before = process.memory_info().rss
    for _ in range(8):
        _load_and_close(backend, plan)
    assert process.memory_info().rss - before < 4 * copy


def _load_and_close(backend: Backend, plan: Plan) -> int:
    with loaded(backend, plan) as engine:
        take(engine, engine.encode(PROMPTS[0]), 2)
        size = engine.facts.weight_bytes
    del engine
    gc.collect()
    return size


def _directory(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _tokenizer(plan: Plan) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415  # heavy, and an extra

    return AutoTokenizer.from_pretrained(_directory(Path(plan.model.path)))
