"""The short answer: the fastest combination against another one, and the best in each metric."""

import itertools
from collections.abc import Iterator, Sequence

from infra.answers.compare import findings
from infra.answers.measured import SCORES, directed, mean
from infra.answers.report import words
from infra.answers.report.intervals import of_repeats
from infra.answers.report.study import Levels, Study
from infra.answers.selection import Row
from infra.answers.sides import from_row, side
from infra.answers.wording import sentence
from infra.calls import scoring
from infra.errors import Refused
from infra.types import Measure


def measured(rows: Sequence[Row], metric: str) -> Measure | None:
    """The mean over repeats, of a share the mean with the prompts as samples: repeats add none."""
    values = [found for row in rows if (found := row.metric(metric)) is not None]
    if not values or (metric not in SCORES and min(values) <= 0):
        return None
    if metric in SCORES:
        n = max(row.data["metrics"][metric]["n"] for row in rows if row.metric(metric) is not None)
        return scoring.share(sum(values) / len(values) * n, n)
    return of_repeats(values)


def headline(study: Study, metrics: Sequence[str]) -> str:
    """The fastest combination against the first one, or against the second fastest; if there are
    some, of those with the same prompts on the same machine."""
    if "decode_tps" not in metrics or not study.combinations:
        return "No run was finished that has a speed."
    by_speed = sorted(study.combinations, key=lambda each: _speed(study, each), reverse=True)
    if len(by_speed) == 1:
        return _alone(study, by_speed[0], metrics)
    best, first = by_speed[0], next(iter(study.combinations))
    rivals = [each for each in (first, *by_speed[1:]) if each != best]
    fair = next(group for group in study.comparable if best in group)
    return _against(study, best, next((each for each in rivals if each in fair), rivals[0]))


def _against(study: Study, best: Levels, base: Levels) -> str:
    """What ``infra compare`` says of the two."""
    names, shared = study.apart(best, base), study.shared(best, base)
    try:
        first, second = (
            side(name, [from_row(row) for row in study.combinations[levels].values()])
            for name, levels in zip(names, (best, base), strict=True)
        )
    except Refused as error:
        return f"{names[0]} is the fastest. {error}"
    told = sentence(findings(first, second), names)
    return f"With {shared}: {told}" if shared else told


def _alone(study: Study, levels: Levels, metrics: Sequence[str]) -> str:
    rows = list(study.combinations[levels].values())
    found = {name: measured(rows, name) for name in metrics}
    told = [f"{k} {words.value(v, study.kinds[k].unit)}" for k, v in found.items() if v]
    return f"{study.label(levels)}: {', '.join(told)}."


def _speed(study: Study, levels: Levels) -> float:
    return mean(list(study.combinations[levels].values()), "decode_tps") or 0.0


def bests(study: Study, metrics: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Each metric, the combination that is the best in it of those that can be ranked, and its
    value."""
    for metric, rivals in itertools.product(metrics, study.comparable):
        sign, unit = directed(study.kinds, metric), study.kinds[metric].unit
        found = {
            levels: measure
            for levels in rivals
            if (measure := measured(list(study.combinations[levels].values()), metric))
        }
        if found:
            best = max(found, key=lambda levels: sign * found[levels].value)
            yield metric, study.label(best), words.value(found[best], unit)
