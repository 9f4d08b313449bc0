"""Whether a candidate is worse than a baseline by more than is tolerated."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.answers.compare import PROMPTS, REPEATS
from infra.answers.finding import Finding
from infra.answers.measured import Kind
from infra.answers.selection import Row, everything
from infra.answers.sides import FREE, Run, from_row
from infra.answers.wording import least, relation
from infra.console import counted
from infra.errors import Refused, nearest

FINE, WORSE, UNSURE = "fine", "worse", "cannot tell"
#: verdict -> exit code
CODES = {FINE: 0, WORSE: 1, UNSURE: 3}


@dataclass(frozen=True)
class Rule:
    """By how much a metric may be worse."""

    metric: str
    tolerance: float  #: a share of the baseline's value, or of the prompts
    asked: str  #: the tolerance as it was typed

    def verdict(self, found: Finding | None) -> str:
        """``worse`` where all of the interval is beyond the tolerance, ``fine`` where none of it
        is, or where no prompt differs."""
        if found is None or found.interval is None or found.scale == "difference":
            return UNSURE
        if found.same:
            return FINE
        base = 1.0 if found.scale == "ratio" else 0.0
        losses = [base - x if found.kind.better == "higher" else x - base for x in found.interval]
        if min(losses) > self.tolerance:
            return WORSE
        return FINE if max(losses) <= self.tolerance else UNSURE

    def line(self, found: Finding | None) -> str:
        """The verdict and what it rests on."""
        start = f"{self.metric}: {self.verdict(found)}"
        if found is None:
            return f"{start}, it is not there on both sides"
        if found.interval is None:
            return f"{start}, {_too_few(found)}"
        told = f"{start}, {relation(found)} against the baseline, tolerance {self.asked}"
        if self.verdict(found) == UNSURE and least(found):
            told += f"; so many samples show a difference of {least(found)}"
        return told


def _too_few(found: Finding) -> str:
    new, base = found.samples
    if found.scale == "share":
        return f"{counted(new, 'common prompt')}, and {PROMPTS} are needed"
    return f"{counted(new, 'run')} against {base}, and {REPEATS} a side are needed"


def rules(
    metrics: Sequence[str], tolerances: Sequence[str], kinds: Mapping[str, Kind]
) -> list[Rule]:
    """The rules that were typed, ``5%`` for ratios and ``2pt`` for shares.

    Raises:
        Refused: there are none, or one has no sense.
    """
    if not metrics or len(metrics) != len(tolerances):
        raise Refused(
            "gate takes one or more pairs of metric and tolerance: --metric decode_tps "
            "--tolerance 5% --metric tool_call_exact --tolerance 2pt."
        )
    return [_rule(*pair, kinds) for pair in zip(metrics, tolerances, strict=True)]


def _rule(metric: str, asked: str, kinds: Mapping[str, Kind]) -> Rule:
    if metric not in kinds:
        raise Refused(f"The baseline has no metric {metric!r}. {nearest(metric, kinds)}")
    kind = kinds[metric]
    if kind.better == "neither":
        raise Refused(f"Neither more nor less {metric} is better: choose another metric.")
    sign, example = ("pt", "2pt") if kind.unit == "share" else ("%", "5%")
    found = re.fullmatch(rf"(\d+(?:\.\d+)?) ?{sign}", asked)
    if not found:
        raise Refused(f"The tolerance of {metric} is written like {example}, not {asked!r}.")
    return Rule(metric, float(found[1]) / 100, asked)


def newest(baseline: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """The baseline, and as candidate the newest run with its repeats: those of its sweep that are
    set up as the baseline is or, outside of a sweep, those that are the same as it. What is in both
    is the candidate's, if that leaves a baseline.

    Raises:
        Refused: nothing is left of a side.
    """
    rows = everything()
    group = _companions(rows, baseline[0]) if rows else []
    taken, known = {row.name for row in group}, {run.name for run in baseline}
    base = [run for run in baseline if run.name not in taken]
    new = group if base else [row for row in group if row.name not in known]
    if not new:
        raise Refused(
            "No run is newer than the baseline: name both, as in infra gate BASELINE CANDIDATE."
        )
    return base or list(baseline), [from_row(row) for row in new]


def _companions(rows: Sequence[Row], pattern: Run) -> list[Row]:
    last = rows[-1]
    if sweep := last.data["plan"].get("sweep"):
        group = [row for row in rows if row.data["plan"].get("sweep") == sweep]
        return [row for row in group if _chosen(row) == _chosen(pattern)] or group
    alone = [row for row in rows if not row.data["plan"].get("sweep")]
    return [row for row in alone if row.data.get("identity") == last.data.get("identity")]


def _chosen(run: Run | Row) -> dict[str, object]:
    return {key: value for key, value in run.axes.items() if key not in FREE}
