"""What comparing found of one metric."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from infra.answers.measured import Kind
from infra.answers.resampling import Estimate

Scale = Literal["ratio", "share", "difference"]
BETTER, WORSE, HIGHER, LOWER = "better", "worse", "higher", "lower"
NO_DIFFERENCE, TOO_FEW = "no difference shown", "too few samples"


@dataclass(frozen=True)
class Finding:
    """One metric of both sides."""

    metric: str
    kind: Kind
    a: float  #: geometric mean over the runs where ``scale`` is a ratio, else the mean
    b: float
    scale: Scale
    samples: tuple[int, int]  #: runs of each side; of a share, the prompts that both have
    estimate: Estimate | None = None  #: of log(a / b) or a - b; ``None``: too few samples
    same: bool = False  #: a share: no prompt was answered better or worse
    varies: float | None = None  #: between the runs of a side: relative standard deviation

    @property
    def relation(self) -> float:
        """``a / b``, or ``a - b``."""
        return self.a / self.b if self.scale == "ratio" else self.a - self.b

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where ``relation`` lies with 95 % confidence."""
        if self.estimate is None:
            return None
        low, high = self.estimate.low, self.estimate.high
        return (float(np.exp(low)), float(np.exp(high))) if self.scale == "ratio" else (low, high)

    @property
    def least(self) -> float | None:
        """The smallest difference that so many samples show nine times in ten; of a ratio, what
        it is away from 1."""
        if self.estimate is None:
            return None
        found = self.estimate.least
        return float(np.expm1(found)) if self.scale == "ratio" else found

    @property
    def word(self) -> str:
        """What A is, held against B."""
        if self.estimate is None:
            return TOO_FEW
        if self.estimate.low <= 0 <= self.estimate.high:
            return NO_DIFFERENCE
        above = self.estimate.low > 0
        if self.kind.better == "neither":
            return HIGHER if above else LOWER
        return BETTER if above == (self.kind.better == "higher") else WORSE
