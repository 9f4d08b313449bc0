"""What ``logprobs()`` says."""

import numpy as np

from infra.plan import Plan
from infra.protocols import Engine
from infra.testing.drawing import TIE
from infra.testing.models import PROMPTS, take
from infra.testing.reference import Floats


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
