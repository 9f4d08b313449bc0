"""How far the estimate of memory was off, which decides before a run whether it fits."""

from collections.abc import Mapping

from infra import hookimpl
from infra.types import Measure, Metric, Record, metric


@metric("%", "neither")
def memory_estimate_error(record: Record) -> Measure | None:
    """The estimate less the peak that was measured, over the latter. Where the machine or a limit
    had no room for all mapped weights, only memory of the process's own is compared; where a
    loaded engine was reused, nothing is."""
    told = record.estimate
    if not told or record.reused or record.status != "FINISHED":
        return None
    if told["peak"] <= told["available"]:
        expected, measured = told["peak"], _highest(record, "peak")
    else:
        expected = told["peak"] - told["mapped"]
        measured = _highest(record, "anonymous")
    return Measure(100 * (expected - measured) / measured) if measured else None


@hookimpl
def infra_metrics() -> Mapping[str, Metric]:
    return {"memory_estimate_error": memory_estimate_error}


def _highest(record: Record, key: str) -> int:
    return max((stage.memory.get(key) or 0 for stage in record.stages), default=0)
