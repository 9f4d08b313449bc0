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

from infra import chat
from infra.plan import Load, Plan, PromptSet, Weights
from infra.protocols import Backend, Engine
from infra.testing.reference import SETTINGS, Floats, reference_distribution, softmax
from infra.types import Prompt, Sampling, Token

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


@contextmanager
def loaded(backend: Backend, plan: Plan) -> Iterator[Engine]:
    """An engine, closed afterwards."""
    backend.prepare(plan)
    backend.convert(plan)
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
    """The first token of 200 seeds, against what logprobs() says of the likeliest four."""
    ids = engine.encode(PROMPTS[0])[:4]
    likeliest = sorted({_first(engine, ids, 100.0, seed) for seed in range(40)})
    assert 4 <= len(likeliest) <= 8  # some engines keep all that tie with the fourth
    scores = np.array([engine.logprobs([*ids, token])[-1] for token in likeliest], np.float64)
    temperature = float(np.ptp(scores)) / 3  # the best comes e^3 times as often as the last
    drawn = [_first(engine, ids, temperature, seed) for seed in range(200)]
    shares = np.array([drawn.count(token) / 200 for token in likeliest])
    assert 0.5 * np.abs(shares - softmax(scores / temperature)).sum() < 0.1


def _first(engine: Engine, ids: Sequence[int], temperature: float, seed: int) -> int:
    return take(engine, ids, 1, temperature=temperature, top_k=4, seed=seed)[0].id


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
        assert _nearly(engine.logprobs(whole[: end + 1]), scores[:end])
        others = {300, 600} - {whole[end]}
        assert scores[end - 1] > max(engine.logprobs([*whole[:end], i])[-1] for i in others)


def reads_long_prompts_in_chunks(engine: Engine, _: Plan) -> None:
    """What stands more than a batch ago still counts, in generate() and in logprobs()."""
    batch = engine.facts.options["batch"]
    length = min(max(batch, 256) + 50, engine.facts.context - 30)
    rng = np.random.default_rng(1)
    first = [int(token) for token in rng.integers(100, 1000, length)]
    second = [int(token) for token in rng.integers(100, 1000, length - batch)] + first[-batch:]
    near = {"temperature": 0.05, "seed": 0}  # draws that small differences change
    assert take(engine, first, 20, **near) != take(engine, second, 20, **near)
    scores = engine.logprobs(first)
    assert scores.shape == (length - 1,)
    assert np.abs(scores - engine.logprobs(second))[-batch // 2 :].max() > 1e-3
    assert _nearly(engine.logprobs(first[:40]), scores[:39])


def _nearly(ours: Floats, theirs: Floats) -> bool:
    """Equal at nine of ten places; rounding may send a token to another expert at the tenth."""
    return bool(np.quantile(np.abs(ours - theirs), 0.9) < TIE)


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


def _directory(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _tokenizer(plan: Plan) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415  # heavy, and an extra

    return AutoTokenizer.from_pretrained(_directory(Path(plan.model.path)))
