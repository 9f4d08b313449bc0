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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from infra.answers import answered, measures
from infra.answers.compare import PROMPTS, REPEATS
from infra.answers.finding import TOO_FEW, Finding
from infra.answers.measured import Kind
from infra.answers.report.intervals import of_logs
from infra.answers.report.study import Levels, Study
from infra.answers.resampling import Floats, paired
from infra.answers.selection import Row
from infra.calls import scoring
from infra.types import Measure

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
    # the others take part with no weight
    terms = [[(each, int(each == place)) for each in places] for place in places]
    return [_mean(contrast(study, each, metric)) for each in terms]


def _mean(found: Finding | None) -> Measure | None:
    """Of a share with Wilson's interval: the one by differences is for differences."""
    if found is None:
        return None
    n = found.samples[0]
    if found.scale == "share":
        return scoring.share(found.relation * n, n)
    return Measure(found.relation, n, *(found.interval or ()))


def contrast(study: Study, terms: Sequence[Term], metric: str) -> Finding | None:
    """The terms' values, those below the line taken away: by division, or of shares by
    subtraction. ``None`` where no setting of the other axes has them all."""
    settings, kind = _settings(study, terms), study.kinds[metric]
    if kind.unit == "share":
        return _of_shares(settings, terms, metric, kind)
    repeats: dict[int, list[float]] = {}
    for repeat, rows in settings:
        values = [row.metric(metric) for row in rows]
        if all(value and value > 0 for value in values):
            signed = zip(terms, values, strict=True)
            total = sum(sign * math.log(value or 1) for (_, sign), value in signed)
            repeats.setdefault(repeat, []).append(total)
    logs = [statistics.fmean(each) for each in repeats.values()]
    if not logs:
        return None
    ratio, n = math.exp(statistics.fmean(logs)), len(logs)
    return Finding(metric, kind, ratio, 1.0, "ratio", (n, n), of_logs(logs))


def _settings(study: Study, terms: Sequence[Term]) -> list[tuple[int, list[Row]]]:
    """The runs at the terms' places, for each repeat and setting of the other axes that has all."""
    fixed = terms[0][0]
    starts = [levels for levels in study.combinations if _at(study, levels, fixed) == levels]
    found = []
    for start in starts:
        places = [_at(study, start, place) for place, _ in terms]
        if all(place in study.combinations for place in places):
            runs = [study.combinations[place] for place in places]
            shared = [repeat for repeat in runs[0] if all(repeat in each for each in runs)]
            found += [(repeat, [each[repeat] for each in runs]) for repeat in shared]
    return found


def _at(study: Study, levels: Levels, place: Mapping[str, str]) -> Levels:
    return tuple(place.get(axis, level) for axis, level in zip(study.axes, levels, strict=True))


def _of_shares(
    settings: Sequence[tuple[int, list[Row]]], terms: Sequence[Term], metric: str, kind: Kind
) -> Finding | None:
    """Means for each prompt first: repeats and settings of one prompt are no further prompts."""
    prompts: dict[str, list[Floats]] = {}
    for _, rows in settings:
        digests = {row.data["plan"]["prompts"]["digest"] for row in rows}
        seen = [scores(row.folder, metric) for row in rows]
        if len(digests) == 1 and len({len(each) for each in seen}) == 1:
            signed = [sign * found for (_, sign), found in zip(terms, seen, strict=True) if sign]
            prompts.setdefault(digests.pop(), []).append(np.sum(signed, axis=0))
    found = np.concatenate([np.mean(each, axis=0) for each in prompts.values()] or [np.empty(0)])
    if not len(found):
        return None
    estimate = paired(found) if len(found) >= PROMPTS else None
    n = len(found)
    return Finding(metric, kind, float(found.mean()), 0.0, "share", (n, n), estimate)


@functools.cache
def scores(folder: Path, metric: str) -> Floats:
    """How right the answer to each scored prompt of a run was, in the prompts' order of digests."""
    judge = measures.score(metric)
    prompts = answered.by_prompt(answered.read(folder))
    found = measures.scores(judge, prompts) if judge else {}
    return np.array([found[prompt] for prompt in sorted(found)])
