"""Counters of the machine, read before and after a run. One that a system lacks stays at 0."""

import os
import statistics
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from infra.conditions import cgroups

CPUS = Path("/sys/devices/system/cpu")


class Counters(NamedTuple):
    """Sums since the machine started. The CPUs are those that this process may use."""

    time: float  #: seconds on a monotonic clock
    cpus: tuple[int, ...]  #: their numbers
    busy: float = 0.0  #: CPU-seconds spent by any process
    ours: float = 0.0  #: CPU-seconds spent by this process and its children
    stolen: float = 0.0  #: CPU-seconds that a hypervisor did not give
    swapped_in: int = 0  #: bytes
    swapped_out: int = 0  #: bytes
    overheated: int = 0  #: times that a core or a package was too hot for its speed
    stopped: int = 0  #: periods in which a quota of a cgroup stopped its processes
    stopped_seconds: float = 0.0
    frequency_limit: float = 0.0  #: MHz, mean over the CPUs


def read() -> Counters:
    """As they are now; about 2 ms with 100 processes in the system."""
    times, swap = _usable_times(), _swap()
    each = times.values()
    stopped, seconds = _stopped()
    return Counters(
        time=time.monotonic(),
        cpus=tuple(times),
        busy=sum(cpu.user + cpu.nice + cpu.system for cpu in each),
        ours=_ours(),
        stolen=sum(getattr(cpu, "steal", 0.0) for cpu in each),
        swapped_in=swap.sin,
        swapped_out=swap.sout,
        overheated=sum(_numbers(CPUS.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))),
        stopped=stopped,
        stopped_seconds=seconds,
        frequency_limit=_frequency_limit(),
    )


def _usable_times() -> dict[int, Any]:
    """The number of each CPU that this process may use, and its times as psutil gives them."""
    times = psutil.cpu_times(percpu=True)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(times))
    numbered = max(usable) < len(times)  # psutil leaves out CPUs that are switched off
    return {cpu: times[cpu] for cpu in (sorted(usable) if numbered else range(len(times)))}


def _ours() -> float:
    """Children that have ended are in ``os.times``, those alive in their own."""
    total = sum(os.times()[:4])
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            total += sum(child.cpu_times()[:4])
    return total


def _swap() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a system does not count it
        return psutil.swap_memory()


def _stopped() -> tuple[int, float]:
    """Periods cut short by a quota, and seconds lost in them, of all cgroups around us."""
    files = [folder / "cpu.stat" for folder in cgroups.folders("cpu")]
    periods = sum(cgroups.field(file, "nr_throttled") or 0 for file in files)
    micro = sum(cgroups.field(file, "throttled_usec") or 0 for file in files)  # version 2
    nano = sum(cgroups.field(file, "throttled_time") or 0 for file in files)  # version 1
    return periods, micro / 1e6 + nano / 1e9


def _frequency_limit() -> float:
    limits = list(_numbers(CPUS.glob("cpufreq/policy*/scaling_max_freq")))
    return statistics.fmean(limits) / 1000 if limits else 0.0


def _numbers(files: Iterable[Path]) -> Iterator[int]:
    for file in files:
        with suppress(OSError, ValueError):
            yield int(file.read_text())
