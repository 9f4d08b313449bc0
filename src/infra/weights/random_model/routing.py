"""Routers that send tokens to experts as it is reported of real models.

Of real models with many experts it is reported that about half of a layer's experts are used
within 30 tokens, and that a token shares 8 to 34 % of its experts with the token before. Routers
drawn alike for all experts use 86 % of 128, and share 6 %. Here some experts' rows are longer than
others': their logits vary more, so they are among the largest more often.
"""

import functools
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

#: share of a layer's experts that is used within so many tokens
TOUCHED, TOKENS = 0.5, 30
#: share of a token's experts that the token before may have used too
MOST_OVERLAP = 0.27
#: windows of ``TOKENS`` that a trial looks at
WINDOWS = 40


def router(experts: int, hidden: int, used: int | None, seed: int) -> NDArray[np.float32]:
    """A router's weights, float32 of shape (experts, hidden).

    Args:
        used: experts that a token uses, if routing is to spread unevenly.
    """
    random = np.random.Generator(np.random.SFC64(seed))
    rows = random.standard_normal((experts, hidden), dtype=np.float32) * hidden**-0.5
    if used is not None:
        rows *= random.permutation(_lengths(experts, unevenness(experts, used)))[:, None]
    return np.asarray(rows, np.float32)


@functools.cache
def unevenness(experts: int, used: int) -> float:
    """The standard deviation of the logarithm of the rows' lengths: the least at which the share
    of experts ``TOUCHED`` is met, or the largest whose overlap is still reported."""
    low, high = 0.0, 3.0
    for _ in range(12):
        middle = (low + high) / 2
        touched, overlap = _trial(experts, used, middle)
        enough = touched <= TOUCHED or overlap >= MOST_OVERLAP
        low, high = (low, middle) if enough else (middle, high)
    return high


def _trial(experts: int, used: int, deviation: float) -> tuple[float, float]:
    """Touched share and overlap, of tokens whose logits have nothing in common."""
    random = np.random.Generator(np.random.SFC64(0))
    logits = random.standard_normal((WINDOWS * TOKENS, experts)) * _lengths(experts, deviation)
    return measured(np.argsort(-logits, axis=1)[:, :used], experts)


def measured(ids: NDArray[np.int64], experts: int) -> tuple[float, float]:
    """Of routed ids of shape (tokens, K): the share of experts touched within ``TOKENS`` tokens,
    and the share of a token's experts that the token before used too, both as means."""
    chosen = np.zeros((len(ids), experts), bool)
    np.put_along_axis(chosen, ids, True, 1)
    starts = range(0, len(ids) - TOKENS + 1, TOKENS)
    touched = [chosen[start : start + TOKENS].any(0).mean() for start in starts]
    overlap = (chosen[1:] & chosen[:-1]).sum() / max(chosen[1:].sum(), 1)
    return float(np.mean(touched)), float(overlap)


def _lengths(experts: int, deviation: float) -> NDArray[np.float32]:
    normal = NormalDist()
    places = [normal.inv_cdf((index + 0.5) / experts) for index in range(experts)]
    return np.exp(deviation * np.array(places)).astype(np.float32)
