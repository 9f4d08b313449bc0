"""The one sampling order of ``infra.types.Sampling``, made of mlx-lm's own steps."""

import mlx.core as mx
from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p, make_repetition_penalty

from infra.types import Sampling


def draw(logits: mx.array, history: mx.array, sampling: Sampling, key: mx.array) -> mx.array:
    """The next token, of shape (1,), from logits of shape (vocabulary,)."""
    if sampling.temperature == 0:
        return mx.argmax(_penalized(logits, history, sampling), axis=-1)
    return mx.random.categorical(_shaped(logits, history, sampling), key=key)


def probabilities(logits: mx.array, history: mx.array, sampling: Sampling) -> mx.array:
    """Float32 of shape (vocabulary,).

    Args:
        logits: of shape (vocabulary,).
        history: ids of prompt and output, of shape (tokens,).
    """
    if sampling.temperature == 0:
        scores = _penalized(logits, history, sampling)
        return (mx.arange(scores.size) == mx.argmax(scores)).astype(mx.float32)
    return mx.softmax(_shaped(logits, history, sampling)[0])


def _shaped(logits: mx.array, history: mx.array, sampling: Sampling) -> mx.array:
    """Logits of shape (1, vocabulary) to draw from, -inf where nothing is drawn."""
    scores = _penalized(logits, history, sampling) / sampling.temperature
    scores = scores - mx.logsumexp(scores)
    if 0 < sampling.top_k < scores.size:
        scores = apply_top_k(scores, sampling.top_k)
    if sampling.top_p < 1:
        scores = apply_top_p(scores, sampling.top_p)
    if sampling.min_p > 0:
        scores = apply_min_p(scores, sampling.min_p)
    return scores


def _penalized(logits: mx.array, history: mx.array, sampling: Sampling) -> mx.array:
    """Float32 of shape (1, vocabulary), as mlx-lm's steps take it."""
    scores = logits.astype(mx.float32)[None]
    if sampling.repetition_penalty == 1:
        return scores
    everything = len(history)  # instead of the last 20 tokens
    penalize = make_repetition_penalty(sampling.repetition_penalty, everything)
    penalized: mx.array = penalize(history, scores)
    return penalized
