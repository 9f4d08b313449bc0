"""The one sampling order of ``infra.types.Sampling``, made of mlx-lm's own steps."""

from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p, make_repetition_penalty

import mlx.core as mx
from infra.types import Sampling


def shape(logits: mx.array, history: mx.array, sampling: Sampling) -> mx.array:
    """Logits to draw from, float32 of shape (1, vocabulary), -inf where nothing is drawn.

    Args:
        logits: of shape (vocabulary,).
        history: ids of prompt and output, of shape (tokens,).
    """
    scores = logits.astype(mx.float32)[None]
    if sampling.repetition_penalty != 1:
        scores = make_repetition_penalty(sampling.repetition_penalty, len(history))(history, scores)
    if sampling.temperature == 0:
        best = mx.arange(scores.shape[-1]) == mx.argmax(scores)
        return mx.where(best, 0.0, -mx.inf)[None]
    scores = scores / sampling.temperature
    scores = scores - mx.logsumexp(scores)
    if 0 < sampling.top_k < scores.shape[-1]:
        scores = apply_top_k(scores, sampling.top_k)
    if sampling.top_p < 1:
        scores = apply_top_p(scores, sampling.top_p)
    if sampling.min_p > 0:
        scores = apply_min_p(scores, sampling.min_p)
    return scores
