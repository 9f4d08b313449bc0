"""What an axis does to a metric, with all other axes equal.

Speed, memory and the like are compared as ratios: a repeat gives one value, the geometric mean over
all settings of the other axes, so that a drift of the machine falls on both sides; the interval is
Student's over the repeats. Shares of prompts are compared as differences, prompt by prompt; their
interval is over the prompts. An interaction is how much an effect itself changes.
"""

import functools
import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.answers import answered, measures
from infra.answers.compare import PROMPTS, REPEATS
from infra.answers.finding import TOO_FEW, Finding
from infra.answers.report.intervals import geometric, of_logs
from infra.answers.report.study import Levels, Study
from infra.answers.resampling import Floats, paired
from infra.answers.selection import Row
from infra.calls import scoring
from infra.types import Json, Measure

#: axis -> level, and whether it stands above (1) or below (-1) the line
Term = tuple[Mapping[str, str], int]


class Effect(NamedTuple):
    """How much more of a metric there is at ``level`` than at ``reference``; of an interaction
    both name two levels."""

    axes: tuple[str, ...]
    level: str
    reference: str
    finding: Finding

    @property
    def word(self) -> str:
        """What ``level`` is; as in ``infra compare``, few repeats are no proof."""
        few = self.finding.scale == "ratio" and min(self.finding.samples) < REPEATS
        return TOO_FEW if few else self.finding.word


def main(study: Study, axis: str, metric: str) -> list[Effect]:
    """Each level against the first one."""
    reference, *others = study.values(axis)
    terms = {each: [({axis: each}, 1), ({axis: reference}, -1)] for each in others}
    found = {each: contrast(study, term, metric) for each, term in terms.items()}
    return [Effect((axis,), level, reference, each) for level, each in found.items() if each]


def interactions(study: Study, axes: tuple[str, str], metric: str) -> list[Effect]:
    """How the effect of each level of the first axis changes with the levels of the second."""
    (base, *ones), (ground, *others) = (study.values(axis) for axis in axes)
    found = []
    for one, other in itertools.product(ones, others):
        corners = [(one, other, 1), (one, ground, -1), (base, other, -1), (base, ground, 1)]
        terms = [(dict(zip(axes, levels, strict=True)), sign) for *levels, sign in corners]
        finding = contrast(study, terms, metric)
        if finding:
            found.append(Effect(axes, f"{one}, {other}", f"{base}, {ground}", finding))
    return found


def level_means(study: Study, axis: str, metric: str) -> dict[str, Measure]:
    """The metric at each level, over those settings of the other axes that all levels have."""
    values = study.values(axis)
    found = means(study, [{axis: level} for level in values], metric)
    return {level: each for level, each in zip(values, found, strict=True) if each}


def means(study: Study, places: Sequence[Mapping[str, str]], metric: str) -> list[Measure | None]:
    """The metric at each of some places, over those settings of the other axes that all have."""
    found = _values(study, places, np.eye(len(places)), metric)
    if not found.size:
        return [None for _ in places]
    return [
        _share(each) if _is_share(study, metric) else geometric(each.tolist()) for each in found
    ]


def _share(found: Floats) -> Measure:
    """With Wilson's interval: the one by differences is for differences."""
    return scoring.share(float(found.mean()) * len(found), len(found))


def contrast(study: Study, terms: Sequence[Term], metric: str) -> Finding | None:
    """The terms' values, those below the line taken away: by division, or of shares by
    subtraction. ``None`` where no setting of the other axes has them all."""
    signs = np.array([[sign for _, sign in terms]])
    [found] = _values(study, [place for place, _ in terms], signs, metric)
    n, kind = len(found), study.kinds[metric]
    if not n:
        return None
    if _is_share(study, metric):
        estimate = paired(found) if n >= PROMPTS else None
        return Finding(metric, kind, float(found.mean()), 0.0, "share", (n, n), estimate)
    logs = found.tolist()
    ratio = math.exp(statistics.fmean(logs))
    return Finding(metric, kind, ratio, 1.0, "ratio", (n, n), of_logs(logs))


def _is_share(study: Study, metric: str) -> bool:
    return study.kinds[metric].unit == "share"


def _values(
    study: Study, places: Sequence[Mapping[str, str]], weights: NDArray[Any], metric: str
) -> Floats:
    """For each row of ``weights``, the sum of what the places have: for each repeat the mean of
    logarithms over all settings; of shares for each prompt the mean over settings and repeats,
    which are no further prompts."""
    sample = _scored if _is_share(study, metric) else _logarithms
    groups: dict[Json, list[Floats]] = {}
    for repeat, rows in _settings(study, places):
        for key, found in sample(repeat, rows, metric):
            groups.setdefault(key, []).append(weights @ found)
    parts = [np.mean(each, axis=0) for each in groups.values()]
    return np.concatenate([np.empty((len(weights), 0)), *parts], axis=1)


def _logarithms(repeat: int, rows: Sequence[Row], metric: str) -> Iterator[tuple[Json, Floats]]:
    values = [row.metric(metric) or 0 for row in rows]
    if min(values) > 0:
        yield repeat, np.log(values)[:, np.newaxis]


def _scored(_: int, rows: Sequence[Row], metric: str) -> Iterator[tuple[Json, Floats]]:
    digests = {row.data["plan"]["prompts"]["digest"] for row in rows}
    seen = [scores(row.folder, metric) for row in rows]
    if len(digests) == 1 and len({len(each) for each in seen}) == 1:
        yield digests.pop(), np.stack(seen)


def _settings(study: Study, places: Sequence[Mapping[str, str]]) -> list[tuple[int, list[Row]]]:
    """The runs at some places, for each repeat and setting of the other axes that has all."""
    fixed = places[0]
    starts = [levels for levels in study.combinations if _at(study, levels, fixed) == levels]
    found = []
    for start in starts:
        combinations = [_at(study, start, place) for place in places]
        if all(each in study.combinations for each in combinations):
            runs = [study.combinations[each] for each in combinations]
            shared = [repeat for repeat in runs[0] if all(repeat in each for each in runs)]
            found += [(repeat, [each[repeat] for each in runs]) for repeat in shared]
    return found


def _at(study: Study, levels: Levels, place: Mapping[str, str]) -> Levels:
    return tuple(place.get(axis, level) for axis, level in zip(study.axes, levels, strict=True))


@functools.cache
def scores(folder: Path, metric: str) -> Floats:
    """How right the answer to each scored prompt of a run was, in the prompts' order of digests."""
    judge = measures.score(metric)
    prompts = answered.by_prompt(answered.read(folder))
    found = measures.scores(judge, prompts) if judge else {}
    return np.array([found[prompt] for prompt in sorted(found)])
