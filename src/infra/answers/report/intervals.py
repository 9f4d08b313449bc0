"""Where a mean lies with 95 % confidence, from one value a repeat."""

import math
import statistics
from collections.abc import Sequence

from infra.answers.resampling import CONFIDENCE, Estimate, t_quantile
from infra.types import Measure


def of_logs(values: Sequence[float]) -> Estimate | None:
    """The mean of logarithms with Student's t-interval; ``None`` of a single one."""
    if len(values) < 2:
        return None
    mean, df = statistics.fmean(values), len(values) - 1
    error = statistics.stdev(values) / math.sqrt(len(values))
    spread = t_quantile((1 + CONFIDENCE) / 2, df) * error
    return Estimate(mean, mean - spread, mean + spread, error, df)


def of_repeats(values: Sequence[float]) -> Measure:
    """The geometric mean of positive values, as speeds scatter by factors, with its interval; one
    value has none."""
    return geometric([math.log(value) for value in values])


def geometric(logs: Sequence[float]) -> Measure:
    """As ``of_repeats``, from the values' logarithms."""
    found, mean = of_logs(logs), math.exp(statistics.fmean(logs))
    if found is None:
        return Measure(mean, len(logs))
    return Measure(mean, len(logs), math.exp(found.low), math.exp(found.high))
