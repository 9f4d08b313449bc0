"""How tokens are drawn: by the seed, in the one order of steps, as often as they are probable."""

from collections.abc import Sequence

import numpy as np

from infra.plan import Plan
from infra.protocols import Engine
from infra.testing.models import PROMPTS, take
from infra.testing.reference import SETTINGS, reference_distribution, softmax
from infra.types import Token

#: nats between two tokens that are as good as equal: half floats often make two logits the same
TIE = 0.05


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
