"""A record as MLflow shows it: params, tags, metrics and series, an environment, a note."""

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from infra.types import Json, Record

if TYPE_CHECKING:
    from mlflow.entities import Metric

#: what MLflow takes in one batch
BATCH = 1000
#: points of a series; record.json has them all
POINTS = 120
#: characters of a param's value; the UI's labels show ten
SHORT = 40


class Series(NamedTuple):
    """A line over time, made of ``key`` in the samples; a rate is per second."""

    name: str
    key: str
    scale: float
    rate: bool


#: keys of the command line that ``params`` has, under a shorter name
SHOWN = {
    "model", "backend", "quantization", "experts.active", "load.dtype", "load.device",
    "load.threads", "prompts", "sampling.temperature", "sampling.max_tokens", "seed",
}  # fmt: skip
#: MLflow's page shows ``system/`` in a tab of its own
SERIES = (
    Series("series/tokens_per_s", "tokens", 1, rate=True),
    Series("system/cpu_percent", "cpu", 100, rate=True),
    Series("system/rss_mb", "rss", 1e-6, rate=False),
    Series("system/anonymous_mb", "anonymous", 1e-6, rate=False),
    Series("system/mapped_mb", "mapped", 1e-6, rate=False),
    Series("system/read_mb_per_s", "read", 1e-6, rate=True),
)


def ended(record: Record) -> float:
    """Unix time of the last thing that the record knows of."""
    times = [stage.end for stage in record.stages]
    times += [sample["t"] for sample in record.samples]
    for each in (*record.warmup, *record.generations):
        times += [each.start, *each.times[-1:], each.end or 0.0]
        times += [result.end or result.start for result in each.results]
    return record.started + max(times, default=0.0)


def milliseconds(unix: float) -> int:
    return round(unix * 1000)


def name(record: Record) -> str:
    """What tells runs apart comes first: labels in the UI show ten characters."""
    plan, k = record.plan, _active(record)
    given = plan["quantization"]
    parts = [f"K{k}" if k else "", "" if given == "stored" else given, plan["backend"]]
    return plan["name"] or " ".join(filter(None, [*parts, plan["model"]["name"]]))


def params(record: Record, swept: Mapping[str, str]) -> dict[str, str]:
    """Few and short, with what else was ``swept``; plan.yaml has all."""
    plan, facts = record.plan, record.facts
    load = vars(facts) if facts else plan["load"]
    found = {
        "model": plan["model"]["name"],
        "backend": plan["backend"],
        "quant": plan["quantization"],
        "experts": _active(record),
        "dtype": load["dtype"],
        "device": load["device"],
        "threads": load["threads"],
        "prompts": ", ".join(Path(file).stem for file in plan["prompts"]["source"].split(", ")),
        "temp": plan["sampling"]["temperature"],
        "max_tokens": plan["sampling"]["max_tokens"],
        "seed": plan["sampling"]["seed"],
        "repeat": plan["repeat"],
    }
    found = {legal(key): value for key, value in swept.items()} | found
    return {key: str(value)[:SHORT] for key, value in found.items() if value is not None}


def tags(record: Record, folder: str) -> dict[str, str]:
    """What one searches by: ``tags.status = 'FAILED'``."""
    versions = record.plan["versions"]
    found = {
        "mlflow.source.name": "infra",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": record.machine.get("commit"),
        "mlflow.note.content": note(record),
        "folder": folder,
        "status": record.status,
        "cause": record.cause,
        "machine": record.machine.get("id"),
        "engine": record.facts.engine if record.facts else None,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "units": json.dumps({name: each["unit"] for name, each in record.metrics.items()}),
    }
    return {key: value for key, value in found.items() if value}


def metrics(record: Record, taken: int) -> "list[Metric]":
    """The record's metrics at its end, and its series, in one batch with ``taken`` other items.

    Timestamps are Unix milliseconds, steps milliseconds since the run's start.
    """
    from mlflow.entities import Metric  # noqa: PLC0415  # heavy

    end = milliseconds(ended(record))
    found = [Metric(legal(n), value, end, 0) for n, value in _numbers(record)]
    room = (BATCH - taken - len(found)) // len(SERIES)
    rows = _thinned(record.samples, max(1, min(POINTS, room)))
    for series in SERIES:
        for t, value in _points(series, rows):
            stamp = milliseconds(record.started + t)
            found.append(Metric(series.name, value, stamp, milliseconds(t)))
    return found


def _numbers(record: Record) -> Iterator[tuple[str, float]]:
    """The metrics, and where they lie with 95 % confidence in a section of their own."""
    for key, each in record.metrics.items():
        yield key, each["value"]
        yield from ((f"interval/{key}_{b}", each[b]) for b in ("low", "high") if b in each)


def environment(record: Record) -> str:
    """The machine as comments, the packages as pip reads them."""
    machine = [f"# {key}: {value}" for key, value in record.machine.items()]
    packages = [f"{name}=={version}" for name, version in record.plan["versions"].items()]
    return "\n".join([*machine, *packages, ""])


def note(record: Record) -> str:
    """The run's page in the UI: how it ended, and its metrics with their units."""
    lines = [f"**{record.status}** {record.cause or ''}".rstrip(), ""]
    lines += ["| metric | value | 95 % | unit | n | better |", "|---|---:|---|---|---:|---|"]
    for key, each in record.metrics.items():
        known = f"{each['low']:.4g} to {each['high']:.4g}" if "low" in each else ""
        cells = (key, f"{each['value']:.6g}", known, each["unit"], each["n"], each["better"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _active(record: Record) -> Json:
    """Experts a token used; what was asked for where nothing was loaded."""
    return record.facts.effective_k if record.facts else record.plan["experts_active"]


def legal(metric: str) -> str:
    """A name that MLflow takes: one bad name would make it refuse the whole batch."""
    return re.sub(r"[^\w\-. :/]", "_", metric)


def _thinned(rows: Sequence[Mapping[str, float]], most: int) -> list[Mapping[str, float]]:
    return list(rows[:: max(1, math.ceil(len(rows) / most))])


def _points(series: Series, rows: Sequence[Mapping[str, float]]) -> Iterator[tuple[float, float]]:
    known = [(row["t"], row[series.key] * series.scale) for row in rows if series.key in row]
    if not series.rate:
        yield from known
        return
    for (before, low), (t, high) in itertools.pairwise(known):
        if t > before:
            yield t, (high - low) / (t - before)
