"""Where tokens were routed to, and what it took to have their experts there. Each metric's
docstring is its definition.

Only the measured requests count, prefill and decode apart. They are there where the engine counts:
with ``experts.telemetry=true`` or ``experts.residency=stream``.
"""

from collections.abc import Callable, Mapping

from infra import hookimpl
from infra.types import Measure, Metric, Record, Routing, metric

PHASES = {"prefill": "Prompt tokens.", "decode": "Generated tokens."}
Compute = Callable[[Routing], float | None]


def experts_touched(routing: Routing) -> float | None:
    """Experts that at least one token was sent to, over all experts of all layers."""
    counts = [count for layer in routing.used for count in layer]
    return sum(count > 0 for count in counts) / len(counts) if counts else None


def routing_overlap(routing: Routing) -> float | None:
    """Share of a token's experts that the token before it used too, mean over layers and
    tokens."""
    return routing.overlap


def expert_bytes_wanted(routing: Routing) -> float | None:
    """Bytes, as stored, of the experts that were routed to, for a token. Experts that several
    tokens of one batch share count once."""
    return _share(routing.wanted, routing.tokens)


def expert_bytes_read(routing: Routing) -> float | None:
    """Bytes that came from storage (read_bytes of proc_pid_io(5)) for a token, what the system
    read ahead included."""
    return _share(routing.read, routing.tokens)


def expert_hit_rate(routing: Routing) -> float | None:
    """Share of the wanted bytes that was in memory: 1 - read / wanted, and 0 where more was read
    than wanted."""
    missed = _share(routing.read, routing.wanted)
    return None if missed is None else max(0.0, 1 - missed)


def expert_wait_share(routing: Routing) -> float | None:
    """Share of the time in which the computation waited until its experts were in memory. Known
    where infra brings them; page faults are not seen."""
    return _share(routing.waited, routing.seconds)


#: a function of one phase, its unit, and which direction is better
METRICS: dict[Compute, tuple[str, str]] = {
    experts_touched: ("share", "neither"),
    routing_overlap: ("share", "neither"),
    expert_bytes_wanted: ("bytes", "neither"),
    expert_bytes_read: ("bytes", "lower"),
    expert_hit_rate: ("share", "higher"),
    expert_wait_share: ("share", "lower"),
}


@hookimpl
def infra_metrics() -> Mapping[str, Metric]:
    return {
        f"{compute.__name__}_{phase}": _of_phase(compute, phase)
        for phase in PHASES
        for compute in METRICS
    }


def _of_phase(compute: Compute, phase: str) -> Metric:
    def measured(record: Record) -> Measure | None:
        for routing in record.routing:
            if routing.phase == phase and (value := compute(routing)) is not None:
                return Measure(value, routing.tokens)
        return None

    measured.__doc__ = f"{compute.__doc__} {PHASES[phase]} n: tokens."
    unit, better = METRICS[compute]
    return metric(unit, better)(measured)  # type: ignore[arg-type]  # of the table above


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole
