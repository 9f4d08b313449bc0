"""What runs have measured: their metrics with unit and direction, and means over repeats."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from infra.answers.selection import Row
from infra.errors import Refused, nearest

#: metrics that say how good the tool calls are; the first that a run has counts
SCORES = ("tool_call_exact", "bfcl_correct")
#: metrics worth a column, in this order, where a run has them
METRICS = (*SCORES, "decode_tps", "prefill_tps", "ttft_p50", "peak_memory", "bits_per_weight")


class Kind(NamedTuple):
    """A metric's unit, and which direction is better: ``higher``, ``lower`` or ``neither``."""

    unit: str
    better: str


def kinds(rows: Sequence[Row]) -> dict[str, Kind]:
    """The metrics that any of ``rows`` has, by name."""
    return {
        name: Kind(measure["unit"], measure["better"])
        for row in reversed(rows)
        for name, measure in row.data["metrics"].items()
    }


def kind(known: Mapping[str, Kind], name: str) -> Kind:
    """
    Raises:
        Refused: there is no metric of this name.
    """
    if name not in known:
        raise Refused(f"No run has a metric {name!r}. {nearest(name, known)}")
    return known[name]


def directed(known: Mapping[str, Kind], name: str) -> int:
    """1 where more of the metric is better, -1 where less is.

    Raises:
        Refused: there is no such metric, or neither is better.
    """
    better = kind(known, name).better
    if better == "neither":
        raise Refused(f"Neither more nor less {name} is better: choose another metric.")
    return 1 if better == "higher" else -1


def score(known: Mapping[str, Kind]) -> str | None:
    """The metric that says how good the tool calls are, if any run has one."""
    return next((name for name in SCORES if name in known), None)


def mean(rows: Sequence[Row], name: str) -> float | None:
    """The mean of a metric over those of ``rows`` that have it."""
    values = [value for row in rows if (value := row.metric(name)) is not None]
    return sum(values) / len(values) if values else None


def comparable_key(row: Row) -> tuple[str, str]:
    """What runs share that can be ranked: their prompts and their machine."""
    plan = row.data["plan"]
    return plan["prompts"]["digest"], plan["machine"]


def comparable_words(rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    """``comparable_key`` -> what tells its runs from those of the other keys: the name and number
    of the prompts, the machine, both; nothing where there is one key."""
    prompts = {key: _prompts(row) for row in rows for key in [comparable_key(row)]}
    digests, machines = ({key[place] for key in prompts} for place in (0, 1))
    if len(set(prompts.values())) < len(digests):
        prompts = {key: key[0][:8] for key in prompts}
    told = (len(digests) > 1, len(machines) > 1)
    return {
        key: "/".join(itertools.compress((words, key[1]), told)) for key, words in prompts.items()
    }


def _prompts(row: Row) -> str:
    found = row.data["plan"]["prompts"]
    files = [Path(file).stem for file in found["source"].split(", ")]
    return f"{' '.join(files)}-{found['count']}"


def repeats(rows: Sequence[Row]) -> list[list[Row]]:
    """Runs of the same, told by their identity, together; in the order of the first of each."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.data.get("identity") or row.name, []).append(row)
    return list(found.values())
