"""What a run took of the machine: memory, disk, processor. Docstrings are the definitions.

Memory is that of the process that holds the model. Linux counts it apart as anonymous (what was
copied or computed) and mapped (weights read in place, which the system may drop and read again):
RssAnon, RssFile and VmHWM of proc_pid_status(5), read_bytes of proc_pid_io(5).
"""

from collections.abc import Iterator, Mapping

from infra import hookimpl
from infra.types import Measure, Metric, Record, Stage, metric


@metric("bytes", "lower")
def peak_memory(record: Record) -> Measure | None:
    """The most memory, mapped files included, that the process held since the engine's library
    was imported (VmHWM)."""
    return _measure(_last(record.stages, "peak"))


@metric("bytes", "lower")
def anonymous_memory(record: Record) -> Measure | None:
    """Memory without files behind it at the end of generation: copied weights, cache, buffers."""
    return _measure(_last(_named(record, "generate"), "anonymous"))


@metric("bytes", "lower")
def mapped_memory(record: Record) -> Measure | None:
    """Resident pages of mapped files, mostly weights, at the end of generation."""
    return _measure(_last(_named(record, "generate"), "mapped"))


@metric("bytes", "lower")
def device_memory(record: Record) -> Measure | None:
    """The most memory in use on the accelerator at the end of any stage."""
    used = [found for stage in record.stages if (found := stage.memory.get("device")) is not None]
    return Measure(max(used)) if used else None


@metric("bytes", "lower")
def disk_read(record: Record) -> Measure | None:
    """Bytes fetched from storage after the import or, where a loaded model was reused, since then;
    what the page cache holds is not fetched."""
    end = _last(record.stages, "read")
    before = _last([*_named(record, "import"), *_named(record, "reuse")], "read") or 0
    return None if end is None else Measure(end - before)


@metric("bytes", "lower")
def weight_bytes(record: Record) -> Measure | None:
    """The weights as stored in memory or in the mapped file."""
    return Measure(record.facts.weight_bytes) if record.facts else None


@metric("bits", "lower")
def bits_per_weight(record: Record) -> Measure | None:
    """Stored bits, scales and zero points included, over the number of logical weights."""
    facts = record.facts
    return Measure(facts.bits_per_weight) if facts and facts.parameters else None


@metric("%", "neither")
def cpu_percent(record: Record) -> Measure | None:
    """Processor time over wall time while generating, from the first to the last sample; 100 is
    one core at work. n: samples."""
    rows = [row for row in _samples(record) if "cpu" in row]
    seconds = rows[-1]["t"] - rows[0]["t"] if rows else 0
    if seconds <= 0:
        return None
    return Measure(100 * (rows[-1]["cpu"] - rows[0]["cpu"]) / seconds, len(rows))


@metric("%", "neither")
def gpu_percent(record: Record) -> Measure | None:
    """Mean utilization of the accelerator while generating. n: samples."""
    seen = [row["gpu"] for row in _samples(record) if "gpu" in row]
    return Measure(sum(seen) / len(seen), len(seen)) if seen else None


@hookimpl
def infra_metrics() -> Mapping[str, Metric]:
    return {
        "peak_memory": peak_memory,
        "anonymous_memory": anonymous_memory,
        "mapped_memory": mapped_memory,
        "device_memory": device_memory,
        "disk_read": disk_read,
        "weight_bytes": weight_bytes,
        "bits_per_weight": bits_per_weight,
        "cpu_percent": cpu_percent,
        "gpu_percent": gpu_percent,
    }


def _named(record: Record, name: str) -> list[Stage]:
    return [stage for stage in record.stages if stage.name == name]


def _last(stages: tuple[Stage, ...] | list[Stage], key: str) -> int | None:
    """What the last stage that knows ``key`` says of it, in bytes."""
    known = (stage.memory[key] for stage in reversed(stages) if stage.memory.get(key) is not None)
    return next(known, None)


def _samples(record: Record) -> Iterator[Mapping[str, float]]:
    """The samples taken while generating."""
    for stage in _named(record, "generate"):
        yield from (row for row in record.samples if stage.start <= row["t"] <= stage.end)


def _measure(value: int | None) -> Measure | None:
    return None if value is None else Measure(value)
