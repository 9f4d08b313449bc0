"""What comparing found, in the words and numbers that people read."""

import math
from collections.abc import Iterator, Sequence

from infra.answers import finding as words
from infra.answers.finding import Finding
from infra.answers.measured import SCORES
from infra.answers.sides import Side, differing
from infra.answers.written import word
from infra.console import shown

#: what the closing sentence is about: speed, memory, and the first of these shares
SPEED, MEMORY = "decode_tps", "peak_memory"
#: the sign behind a ratio
TIMES = "\N{MULTIPLICATION SIGN}"
#: units that a metric's own name tells
TOLD = {"tokens/s", "tokens", "bits"}


def labels(a: Side, b: Side) -> tuple[str, str]:
    """What tells the sides apart: ``q4`` and ``none``, ``experts.active=1`` and ``=2``, or their
    names."""
    keys = list(differing((a.runs[0], b.runs[0])))
    if not keys:
        return a.name, b.name
    if len(keys) == 1 and all(isinstance(side.axes.get(keys[0]), str) for side in (a, b)):
        return str(a.axes[keys[0]]), str(b.axes[keys[0]])
    first, second = (
        " ".join(f"{key}={word(side.axes.get(key))}" for key in keys) for side in (a, b)
    )
    return (first, second) if len(keys) <= 2 else (a.name, b.name)


def rows(found: Sequence[Finding], names: tuple[str, str]) -> list[list[str]]:
    """The header, then one row a metric."""
    header = ["metric", "A against B [95 %]", "A is", names[0], names[1], "varies", "shows from"]
    return [header, *([each.metric, *_cells(each)] for each in found)]


def _cells(found: Finding) -> list[str]:
    unit = "" if found.kind.unit in TOLD else found.kind.unit
    varies = "" if found.varies is None else f"{found.varies:.1%}"
    sides = (shown(found.a, unit), shown(found.b, unit))
    return [relation(found), found.word, *sides, varies, least(found)]


def relation(found: Finding) -> str:
    """A ratio with its interval, ``-2.0 points [-3.7, -0.3]`` or a difference with its unit."""
    if found.scale == "difference":
        parts = [shown(x, found.kind.unit) for x in (found.relation, *(found.interval or ()))]
        return parts[0] + (f" [{', '.join(parts[1:])}]" if found.interval else "")
    if found.scale == "share":
        return _points(found.relation, found.interval, "+")
    return times(found.relation, found.interval)


def least(found: Finding) -> str:
    """The smallest difference that so many samples show nine times in ten."""
    if not found.least:
        return ""
    if found.scale == "share":
        return f"{100 * found.least:.1f} points"
    return f"{found.least:.1%}" if found.scale == "ratio" else shown(found.least, found.kind.unit)


def times(ratio: float, interval: tuple[float, float] | None) -> str:
    """A ratio with as many decimals as its interval makes sense of, or as it takes to see it."""
    finest = interval[1] - interval[0] if interval else ratio
    if finest <= 0:
        finest = min(ratio, abs(ratio - 1) or 1.0)
    decimals = min(4, max(0, 1 - math.floor(math.log10(finest))))
    decimals = max(decimals, 2) if ratio < 10 else decimals
    between = f" [{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]" if interval else ""
    return f"{ratio:.{decimals}f}{TIMES}{between}"


def _points(share: float, interval: tuple[float, float] | None, sign: str = "") -> str:
    between = ", ".join(f"{100 * x:{sign}.1f}" for x in interval or ())
    return f"{100 * share:{sign}.1f} points" + (f" [{between}]" if interval else "")


def sentence(found: Sequence[Finding], names: tuple[str, str]) -> str:
    """The answer in one sentence, of speed, memory and tool calls."""
    known = {each.metric: each for each in found}
    clauses = list(_clauses(known, names[1]))
    if not clauses:
        return f"{names[0]} and {names[1]} have no speed, memory or tool calls to compare."
    joined = ", ".join(clauses[:-1]) + ", and " * (len(clauses) > 1) + clauses[-1]
    against = "" if SPEED in known else f"against {names[1]}, "
    return f"{against}{names[0]} {joined}."


def _clauses(known: dict[str, Finding], other: str) -> Iterator[str]:
    if SPEED in known:
        yield _speed(known[SPEED], other)
    if MEMORY in known:
        yield _memory(known[MEMORY])
    for name in SCORES:
        if name in known:
            yield _quality(known[name])
            return


def _speed(found: Finding, other: str) -> str:
    if found.word == words.BETTER:
        return f"is {relation(found)} faster than {other}"
    if found.word == words.WORSE and found.interval:
        low, high = found.interval
        return f"is {times(1 / found.relation, (1 / high, 1 / low))} slower than {other}"
    if found.word == words.TOO_FEW:
        return f"ran at {relation(found)} the speed of {other} (too few runs to tell)"
    return f"shows no difference in speed from {other} ({relation(found)})"


def _memory(found: Finding) -> str:
    if found.word == words.NO_DIFFERENCE:
        return f"shows no difference in memory ({relation(found)})"
    few = " (too few runs to tell)" if found.word == words.TOO_FEW else ""
    return f"uses {relation(found)} the memory{few}"


def _quality(found: Finding) -> str:
    if found.word == words.NO_DIFFERENCE:
        return f"shows no difference in tool calls ({relation(found)})"
    loses = found.relation < 0
    low, high = sorted(abs(x) for x in found.interval or (0, 0))
    few = " (too few prompts to tell)" if found.word == words.TOO_FEW else ""
    size = _points(abs(found.relation), (low, high) if found.interval else None)
    return f"{'loses' if loses else 'gains'} {size} of tool calls{few}"


def power(found: Sequence[Finding]) -> str | None:
    """How much the speed varies from run to run, and what the repeats can show."""
    speed = next((each for each in found if each.metric == SPEED and each.varies is not None), None)
    if speed is None or speed.varies is None:
        return None
    a, b = speed.samples
    varies = f"{speed.metric} varies by {speed.varies:.1%} from run to run"
    if not speed.least:
        return f"{varies}; {a} and {b} runs are too few to say more."
    return f"{varies}: {a} and {b} runs show a difference of {least(speed)} nine times in ten."
