"""How often tool calls were right, and what was wrong with the others, with Wilson intervals."""

from collections.abc import Callable
from statistics import mean

from infra.calls.scoring import share
from infra.prompts.bfcl import CATEGORIES, category
from infra.types import Generation, Measure, Metric, Record, metric

from .outcome import FAILURES, OK

#: groups of the leaderboard -> their categories
GROUPS = {
    "non_live": ("simple_python", "simple", "multiple", "parallel", "parallel_multiple"),
    "live": ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple"),
}


@metric("share", "higher")
def tool_call_exact(record: Record) -> Measure | None:
    """Share of the prompts with expectations whose calls are all right: every name and all
    arguments, by JSON equality, in order, none too many. n: the prompts that were scored."""
    scored = [each.exact for each in record.generations if each.exact is not None]
    return share(sum(scored), len(scored)) if scored else None


@metric("share", "higher")
def bfcl_correct(record: Record) -> Measure | None:
    """Share of the scored prompts whose calls pass BFCL v4's check."""
    return _share(record, "strict", OK)


@metric("share", "higher")
def bfcl_correct_repaired(record: Record) -> Measure | None:
    """The same once broken JSON is mended; above ``bfcl_correct`` is what the parser loses."""
    return _share(record, "repaired", OK)


@metric("share", "higher")
def bfcl_correct_matched(record: Record) -> Measure | None:
    """The same by the best matching of parallel calls; only where BFCL's greedy one misses some."""
    missed = sum("best_match" in each.outcomes for each in record.generations)
    words = _words(record, "strict")
    return share(words.count(OK) + missed, len(words)) if missed else None


@metric("share", "higher")
def bfcl_non_live(record: Record) -> Measure | None:
    """Mean of the categories of BFCL's part that is not live, each counted alike."""
    found = [found for name in GROUPS["non_live"] if (found := _of_category(record, name))]
    n = sum(each.n for each in found)
    return Measure(mean(each.value for each in found), n) if found else None


@metric("share", "higher")
def bfcl_live(record: Record) -> Measure | None:
    """Share of the prompts of BFCL's live categories whose calls pass, all counted alike."""
    return _share(record, "strict", OK, lambda each: category(each.prompt.id) in GROUPS["live"])


def _of_category(record: Record, name: str) -> Measure | None:
    return _share(record, "strict", OK, lambda each: category(each.prompt.id) == name)


def _share(
    record: Record, judge: str, word: str, counts: Callable[[Generation], bool] = lambda _: True
) -> Measure | None:
    words = _words(record, judge, counts)
    return share(words.count(word), len(words)) if words else None


def _words(
    record: Record, judge: str, counts: Callable[[Generation], bool] = lambda _: True
) -> list[str]:
    return [g.outcomes[judge] for g in record.generations if judge in g.outcomes and counts(g)]


def _failures(judge: str, word: str) -> Metric:
    """Share of the scored prompts with this word; nothing where no prompt has it, or where
    mending JSON does not change how many do."""

    def compute(record: Record) -> Measure | None:
        found, before = _words(record, judge), _words(record, "strict")
        changed = found.count(word) != before.count(word)
        told = word in found if judge == "strict" else changed
        return share(found.count(word), len(found)) if told else None

    return Metric(compute, "share", "lower")


def _category(name: str) -> Metric:
    return Metric(lambda record: _of_category(record, name), "share", "higher")


METRICS: dict[str, Metric] = {
    "tool_call_exact": tool_call_exact,
    "bfcl_correct": bfcl_correct,
    "bfcl_correct_repaired": bfcl_correct_repaired,
    "bfcl_correct_matched": bfcl_correct_matched,
    **{f"outcome_{word}": _failures("strict", word) for word in FAILURES},
    **{f"repaired_{word}": _failures("repaired", word) for word in FAILURES},
    "bfcl_non_live": bfcl_non_live,
    "bfcl_live": bfcl_live,
    **{f"bfcl_{name}": _category(name) for name in CATEGORIES},
}
