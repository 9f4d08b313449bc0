"""Two sides, metric by metric: both values, how they relate, and a plain word."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from infra.answers import measures, resampling
from infra.answers.answered import Answer
from infra.answers.finding import Finding, Scale
from infra.answers.measured import METRICS, Kind
from infra.answers.measures import Part
from infra.answers.resampling import Estimate, Floats, PromptDraws
from infra.answers.sides import Side

#: repeats that a side needs before a speed gets an interval
REPEATS = 5
#: scored prompts that both sides need before a share gets an interval
PROMPTS = 10
#: how often prompts are drawn again to see by how much that moves a run
PROMPT_DRAWS = 300
#: read from the loaded weights: the same each time, so that one run a side is enough
EXACT = {"weight_bytes", "bits_per_weight"}
#: sums over all prompts, which differ where the prompts do
SUMS = {"generate_s", "generated_tokens"}


class Common(NamedTuple):
    """The prompts of two sides."""

    keys: list[str]  #: asked in every run of both
    total: int  #: asked in any


def common(a: Side, b: Side) -> Common:
    """Which prompts both sides were asked."""
    sets = [set(prompts) for side in (a, b) for prompts in side.prompts]
    both = set.intersection(*sets)
    ordered = [key for key in a.prompts[0] if key in both]
    return Common(ordered, len(set.union(*sets)))


def findings(a: Side, b: Side, wanted: Collection[str] | None = None) -> list[Finding]:
    """The ``wanted`` metrics, or all, that both sides have, the usual ones first; of prompts, only
    those that both were asked. Metrics that need the same prompts are left out where there are
    none."""
    names = [*METRICS, *sorted({*a.kinds, *b.kinds} - set(METRICS))]
    names = [name for name in names if wanted is None or name in wanted]
    shared = common(a, b)
    return [found for name in names if (found := _finding(name, a, b, shared))]


def _finding(metric: str, a: Side, b: Side, shared: Common) -> Finding | None:
    kind = a.kinds.get(metric) or b.kinds.get(metric)
    judge = measures.score(metric)
    if kind is None:
        return None
    if judge:
        scored = [_scores(side, judge, shared.keys) for side in (a, b)]
        return _of_shares(metric, kind, *scored)
    if metric in SUMS and not _same_prompts(a, b):
        return None
    return _of_runs(metric, kind, a, b, shared)


def _same_prompts(a: Side, b: Side) -> bool:
    first, second = (side.runs[0].data["plan"]["prompts"]["digest"] for side in (a, b))
    return bool(first == second)


def _scores(side: Side, judge: measures.Score, keys: Sequence[str]) -> dict[str, float]:
    """Share of right answers to each prompt, over all runs."""
    wanted = set(keys)
    answers: dict[str, list[Answer]] = {}
    for prompts in side.prompts:
        for key in wanted.intersection(prompts):
            answers.setdefault(key, []).extend(prompts[key])
    return measures.scores(judge, answers)


def _of_shares(metric: str, kind: Kind, a: dict[str, float], b: dict[str, float]) -> Finding | None:
    keys = [key for key in sorted(a) if key in b]
    if not keys:
        return None
    first, second = (np.array([side[key] for key in keys]) for side in (a, b))
    apart, means, n = first - second, (float(first.mean()), float(second.mean())), len(keys)
    found = resampling.paired(apart) if n >= PROMPTS else None
    return Finding(
        metric, kind, *means, scale="share", samples=(n, n), estimate=found, same=not apart.any()
    )


def _of_runs(metric: str, kind: Kind, a: Side, b: Side, shared: Common) -> Finding | None:
    parts = _parts(metric, a, b, shared.keys) if shared.keys else None
    if parts:
        asked = np.ones((1, len(shared.keys)))
        values = [np.array([part.values(asked)[0] for part in side]) for side in parts]
    else:
        values = [_recorded(metric, side) for side in (a, b)]
    if not all(len(side) for side in values):
        return None
    share = kind.unit == "share"
    ratio = not share and all((side > 0).all() for side in values)
    scale: Scale = "share" if share else "ratio" if ratio else "difference"
    logs = [np.log(side) if ratio else side for side in values]
    first, second = (float(np.exp(side.mean()) if ratio else side.mean()) for side in logs)
    samples = len(values[0]), len(values[1])
    draws = prompt_draws(parts, len(shared.keys)) if parts and ratio else None
    beside = _interleaved(a, b) and samples == (len(a.runs), len(b.runs))
    found = _estimate(metric, logs, draws, beside)
    return Finding(metric, kind, first, second, scale, samples, found, varies=_variation(values))


def _estimate(
    metric: str, sides: Sequence[Floats], draws: PromptDraws | None, interleaved: bool
) -> Estimate | None:
    a, b = sides
    if metric in EXACT and not (np.ptp(a) or np.ptp(b)):
        gap = float(a[0] - b[0])
        return Estimate(gap, gap, gap, 0.0, resampling.MANY)
    if min(len(a), len(b)) < REPEATS:
        return None
    return resampling.compared(a, b, draws, interleaved)


def _recorded(metric: str, side: Side) -> Floats:
    known = (run.metric(metric) for run in side.runs)
    return np.array([value for value in known if value is not None])


def _parts(metric: str, a: Side, b: Side, keys: Sequence[str]) -> list[list[Part]] | None:
    """For each run of each side, how the metric comes from its prompts; ``None`` where one does
    not tell, or tells another value than its record."""
    found = [list(_told(metric, side, keys)) for side in (a, b)]
    whole = all(len(parts) == len(side.runs) for parts, side in zip(found, (a, b), strict=True))
    return found if whole else None


def _told(metric: str, side: Side, keys: Sequence[str]) -> Iterator[Part]:
    for run, prompts in zip(side.runs, side.prompts, strict=True):
        whole = measures.part(metric, prompts, list(prompts))
        if whole is None:
            return
        value = whole.values(np.ones((1, len(prompts))))[0]
        part = measures.part(metric, prompts, keys)
        if part and np.isclose(value, run.metric(metric) or np.nan, rtol=1e-6):
            yield part


def prompt_draws(parts: Sequence[Sequence[Part]], count: int) -> PromptDraws | None:
    """How each run of both sides moves if its ``count`` prompts are drawn again."""
    chance = np.random.default_rng(resampling.SEED)
    weights = chance.multinomial(count, np.full(count, 1 / count), PROMPT_DRAWS).astype(float)
    asked = np.ones((1, count))
    moved = [
        np.stack([np.log(part.values(weights) / part.values(asked)) for part in side], axis=1)
        for side in parts
    ]
    usable = np.isfinite(moved[0]).all(1) & np.isfinite(moved[1]).all(1)
    return PromptDraws(moved[0][usable], moved[1][usable], count) if usable.any() else None


def _variation(values: Sequence[Floats]) -> float | None:
    """The relative standard deviation between runs, of both sides together."""
    spread = [
        side.std(ddof=1) / abs(side.mean()) for side in values if len(side) > 1 and side.mean()
    ]
    return float(np.sqrt(np.mean(np.square(spread)))) if spread else None


def _interleaved(a: Side, b: Side) -> bool:
    """Whether the runs are repeats of one sweep, one of each side for each repeat."""
    first, second = ([_place(run.data["plan"]) for run in side.runs] for side in (a, b))
    return first == second and len(set(first)) == len(first) and first[0][0] is not None


def _place(plan: dict[str, object]) -> tuple[object, object]:
    return plan.get("sweep"), plan["repeat"]
