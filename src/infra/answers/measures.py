"""How a run's metrics come from its prompts, so that prompts can be drawn again.

The definitions are those of the metrics' own plugins; a metric whose recorded value is not what
comes out here is compared as a whole, run by run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from infra.answers.answered import Answer
from infra.answers.resampling import Floats
from infra.prompts.bfcl import CATEGORIES, category

Prompts = Mapping[str, Sequence[Answer]]
#: what an answer adds above and below a fraction; nothing where it does not count
Terms = Callable[[Answer], tuple[float, float] | None]
Score = Callable[[Answer], bool | None]
#: of a table of draws by samples that is made at once
CELLS = 2_000_000


class Part(Protocol):
    """A metric of one run, as a function of how often each of its prompts counts."""

    def values(self, weights: Floats) -> Floats:
        """One value for each row of ``weights``, shape (draws, prompts); NaN where none."""
        ...


@dataclass(frozen=True)
class Ratio:
    """A sum over a sum, shape (prompts,) each."""

    above: Floats
    below: Floats

    def values(self, weights: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = (weights @ self.above) / (weights @ self.below)
        return found


@dataclass(frozen=True)
class Percentile:
    """A percentile of all samples, linear between neighbours; ``owners`` says whose each is."""

    samples: Floats
    owners: Sequence[int]
    percent: int

    def values(self, weights: Floats) -> Floats:
        order = np.argsort(self.samples)
        ordered, owners = self.samples[order], np.asarray(self.owners)[order]
        rows = max(1, CELLS // len(ordered))
        parts = np.split(weights.astype(np.float32), range(rows, len(weights), rows))
        return np.concatenate([self._of(part[:, owners], ordered) for part in parts])

    def _of(self, counts: NDArray[np.float32], ordered: Floats) -> Floats:
        until = counts.cumsum(1)
        place = (until[:, -1].astype(np.float64) - 1) * self.percent / 100
        low, high = (_at(until, ordered, end(place)) for end in (np.floor, np.ceil))
        found: Floats = low + (high - low) * (place - np.floor(place))
        return np.where(until[:, -1] > 0, found, np.nan)


def _at(until: NDArray[np.float32], ordered: Floats, place: Floats) -> Floats:
    """The sample at ``place``, counted from 0, where the first ``until[k]`` places are the first k
    samples'."""
    found = [row.searchsorted(at, "right") for row, at in zip(until, place, strict=True)]
    return ordered[np.minimum(found, len(ordered) - 1)]


def part(metric: str, prompts: Prompts, keys: Sequence[str]) -> Part | None:
    """How ``metric`` comes from the prompts ``keys`` of a run; ``None`` where that is not known."""
    asked = [prompts[key] for key in keys]
    stem, _, percent = metric.rpartition("_p")
    if stem in SAMPLES:
        samples = [[x for answer in each for x in SAMPLES[stem](answer)] for each in asked]
        owners = [index for index, each in enumerate(samples) for _ in each]
        flat = np.array([x for each in samples for x in each])
        return Percentile(flat, owners, int(percent)) if owners else None
    if metric not in TERMS:
        return None
    terms = [[t for answer in each if (t := TERMS[metric](answer))] for each in asked]
    above, below = (np.array([float(sum(t[i] for t in each)) for each in terms]) for i in (0, 1))
    return Ratio(above, below) if below.sum() > 0 else None


def score(metric: str) -> Score | None:
    """How ``metric``, a share of prompts, judges one answer; ``None`` where that is not known."""
    if metric in SCORES:
        return SCORES[metric]
    stem, _, word = metric.partition("_")
    if stem in JUDGES:
        return lambda answer: _said(answer, JUDGES[stem], word)
    if stem == "bfcl" and word in CATEGORIES:
        return lambda answer: _correct(answer) if category(answer.id) == word else None
    return None


def scores(judge: Score, prompts: Prompts) -> dict[str, float]:
    """The share of right answers to each prompt that is scored."""
    judged = {
        key: [found for answer in answers if (found := judge(answer)) is not None]
        for key, answers in prompts.items()
    }
    return {key: sum(each) / len(each) for key, each in judged.items() if each}


def _ttft(answer: Answer) -> list[float]:
    return [] if answer.first_text is None else [answer.first_text - answer.start]


def _itl(answer: Answer) -> list[float]:
    return [after - before for before, after in pairwise(answer.times)]


def _e2e(answer: Answer) -> list[float]:
    return [answer.end - answer.start] if answer.end is not None and answer.times else []


def _prefill(answer: Answer) -> tuple[float, float] | None:
    return (answer.evaluated, answer.times[0] - answer.prefill_start) if answer.times else None


def _decode(answer: Answer) -> tuple[float, float] | None:
    times = answer.times
    return (len(times) - 1, times[-1] - times[0]) if len(times) > 1 else None


def _per_token(answer: Answer) -> tuple[float, float] | None:
    if answer.end is None or answer.first_text is None or answer.length < 2:
        return None
    return (answer.end - answer.first_text) / (answer.length - 1), 1


def _correct(answer: Answer) -> bool | None:
    return _said(answer, "strict", "ok")


def _said(answer: Answer, judge: str, word: str) -> bool | None:
    return answer.outcomes[judge] == word if judge in answer.outcomes else None


def _matched(answer: Answer) -> bool | None:
    right = _correct(answer)
    return right if right is None else right or "best_match" in answer.outcomes


TERMS: dict[str, Terms] = {"prefill_tps": _prefill, "decode_tps": _decode, "tpot": _per_token}
SAMPLES: dict[str, Callable[[Answer], list[float]]] = {"ttft": _ttft, "itl": _itl, "e2e": _e2e}
SCORES: dict[str, Score] = {
    "tool_call_exact": lambda answer: answer.exact,
    "bfcl_correct": _correct,
    "bfcl_correct_repaired": lambda answer: _said(answer, "repaired", "ok"),
    "bfcl_correct_matched": _matched,
}
#: first word of a metric that counts what went wrong -> the judge whose words it counts
JUDGES = {"outcome": "strict", "repaired": "repaired"}
