"""The one sampling order in numpy: what every engine's ``distribution`` is held against."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infra.types import Sampling

Floats = NDArray[np.float32]

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
    ranked = softmax(np.where(kept, scores, -np.inf))[order]
    kept[order] &= np.cumsum(ranked) - ranked < sampling.top_p
    kept[order] &= ranked >= sampling.min_p * ranked[0]
    return softmax(np.where(kept, scores, -np.inf)).astype(np.float32)


def _penalized(
    scores: NDArray[np.float64], history: Sequence[int], penalty: float
) -> NDArray[np.float64]:
    seen = np.unique(np.asarray(history, dtype=np.int64))
    picked = scores[seen]
    scores[seen] = np.where(picked > 0, picked / penalty, picked * penalty)
    return scores


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of logits of shape (vocabulary,), of the same shape."""
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())
