"""Intervals by resampling: of runs and prompts for speeds, of prompts for shares.

Drawing n values again spreads them by sqrt((n - 1) / n) too little, and with few of them a normal
quantile is too small: an interval of plain percentiles of five repeats holds 86 times in 100 where
it says 95. So draws are widened by sqrt(n / (n - 1)) and by t over z (Hesterberg 2015, "What
Teachers Should Know About the Bootstrap", The American Statistician 69:4), with the degrees of
freedom of Welch (1947). docs/statistics.md has the method at length, and how often it is right.
"""

import functools
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
#: how often a difference of ``Estimate.least`` is found
POWER = 0.9
DRAWS = 4000
#: correlation of interleaved repeats above which they are taken as pairs; at 0.5 five repeats that
#: have nothing in common are taken as pairs too often, and 93 in 100 intervals hold instead of 95
TOGETHER = 0.8
#: the same numbers give the same interval
SEED = 0
#: degrees of freedom beyond which t is the normal distribution
MANY = 10_000.0


class Estimate(NamedTuple):
    """A difference between two sides, and where it lies with 95 % confidence."""

    value: float
    low: float
    high: float
    error: float  #: standard error
    df: float  #: degrees of freedom of that error

    @property
    def least(self) -> float:
        """The smallest difference that so many samples show nine times in ten."""
        certain = t_quantile((1 + CONFIDENCE) / 2, self.df) + t_quantile(POWER, self.df)
        return float(certain * self.error)


class PromptDraws(NamedTuple):
    """By how much each run's value moves if its prompts are drawn again, shape (draws, runs); row
    for row, both sides are asked the same prompts."""

    a: Floats
    b: Floats
    prompts: int  #: how many there were to draw from


class Level(NamedTuple):
    """What drawing again at one level does to the difference."""

    moves: Floats
    variance: float
    df: float


def compared(
    a: Floats, b: Floats, prompts: PromptDraws | None = None, interleaved: bool = False
) -> Estimate:
    """The mean of ``a`` less that of ``b``, one value a run: runs are drawn again on each side,
    then prompts.

    Args:
        a, b: at least two values each; logarithms where a ratio is asked for.
        interleaved: ``a[i]`` was measured beside ``b[i]``. Where the sides move together, because
            the machine drifts, such pairs are drawn and not runs of each side.
    """
    chance = np.random.default_rng(SEED)
    pairs = interleaved and _correlation(a, b) > TOGETHER
    levels = [_runs(a - b, chance)] if pairs else [_runs(a, chance), _runs(-b, chance)]
    if prompts and prompts.prompts > 1:
        levels.append(_prompts(prompts, chance, pairs))
    return _interval(float(a.mean() - b.mean()), levels)


def paired(differences: Floats) -> Estimate:
    """The mean of ``differences``, one a prompt: prompts are drawn again.

    Two prompts are added before, which together weigh as much as one that differs (root mean
    square; 1 where none does), one in each direction. For right and wrong answers this is what
    Agresti and Min (2005, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24:5) do to a Wald interval; without it, no prompt that differs would
    count as certainty.
    """
    apart = differences[differences != 0]
    size = float(np.sqrt((apart**2).mean() / 2)) if len(apart) else float(np.sqrt(0.5))
    wider = np.concatenate([differences, [size, -size]])
    moves = _means(wider, np.random.default_rng(SEED))
    value, error = float(differences.mean()), float(moves.std())
    low, high = np.quantile(moves, _tails())
    return Estimate(value, min(value, float(low)), max(value, float(high)), error, MANY)


@functools.lru_cache(1000)
def t_quantile(probability: float, df: float) -> float:
    """Student's t at ``probability`` of at least 0.5, ``df`` of at least 1.

    With t = sqrt(df) tan(x), the density of x is proportional to cos(x)^(df - 1).
    """
    df = min(df, MANY)
    angle = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angle) ** (df - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.sqrt(df) * np.tan(np.interp(2 * probability - 1, below / below[-1], angle)))


def _runs(values: Floats, chance: np.random.Generator) -> Level:
    n = len(values)
    moves = (_means(values, chance) - values.mean()) * np.sqrt(n / (n - 1))
    return Level(moves, float(values.var(ddof=1)) / n, n - 1)


def _means(values: Floats, chance: np.random.Generator) -> Floats:
    """Means of ``values`` drawn again, as often as there are."""
    picked = chance.integers(len(values), size=(DRAWS, len(values)))
    means: Floats = values[picked].mean(1)
    return means


def _correlation(a: Floats, b: Floats) -> float:
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread else 0.0


def _prompts(draws: PromptDraws, chance: np.random.Generator, pairs: bool) -> Level:
    """Runs that are alike move differently with the same prompts only by noise, and that noise is
    in the spread of the runs already: it is taken out of the moves, not counted twice."""
    moves = draws.a.mean(1) - draws.b.mean(1)
    sides = (draws.a - draws.b,) if pairs else (draws.a, draws.b)
    noise = sum(float(side.var(1, ddof=1).mean()) / side.shape[1] for side in sides)
    seen = float(moves.var())
    kept = max(0.0, 1 - noise / seen) if seen else 0.0
    n = draws.prompts
    moves = (moves - moves.mean()) * np.sqrt(kept * n / (n - 1))
    return Level(moves[chance.integers(len(moves), size=DRAWS)], float(moves.var()), n - 1)


def _interval(value: float, levels: Sequence[Level]) -> Estimate:
    variance = sum(level.variance for level in levels)
    if not variance:
        return Estimate(value, value, value, 0.0, MANY)
    df = variance**2 / sum(level.variance**2 / level.df for level in levels)
    wider = t_quantile((1 + CONFIDENCE) / 2, df) / NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    low, high = np.quantile(sum(level.moves for level in levels), _tails()) * wider
    return Estimate(value, value + float(low), value + float(high), float(np.sqrt(variance)), df)


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
