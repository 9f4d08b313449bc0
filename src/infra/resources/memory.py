"""What a process uses: memory apart as anonymous and mapped, bytes read from disk, CPU time.

Peak memory on Linux is VmHWM, which the kernel keeps and which ``reset_peak`` sets back
(proc(5), clear_refs); it includes mapped files. Elsewhere psutil gives what the system has.
"""

import contextlib
import ctypes
import gc
import os
from collections.abc import Mapping
from pathlib import Path

import psutil

LINUX = Path("/proc/self/status").exists()
FIELDS = {"VmHWM": "peak", "RssAnon": "anonymous", "RssFile": "mapped", "VmRSS": "rss"}


def reset_peak() -> None:
    """Start a new peak for this process; does nothing where the system cannot."""
    if LINUX:
        Path("/proc/self/clear_refs").write_text("5")


def release(rest_stays: bool = False) -> None:
    """Give freed memory back to the system, where the C library can, so that a run's peak holds
    nothing of the run before.

    Args:
        rest_stays: whether what is not free now is there until the process ends, as an engine with
            its libraries is. The next release, which would take 0.2 s for them, skips it.
    """
    gc.collect()
    if rest_stays:
        gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def usage(pid: int | None = None) -> dict[str, int | None]:
    """Bytes: ``peak``, ``anonymous``, ``mapped``, ``rss``, ``read``; None where unknown.

    Raises:
        OSError, psutil.Error: the process is gone.
    """
    return _linux(pid or os.getpid()) if LINUX else _portable(pid)


def bytes_read() -> int | None:
    """What this process has read from storage so far; ``None`` where unknown."""
    return _read_bytes(os.getpid()) if LINUX else None


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far.

    Raises:
        psutil.Error: the process is gone.
    """
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _linux(pid: int) -> dict[str, int | None]:
    status = _pairs(Path(f"/proc/{pid}/status"))
    found: dict[str, int | None] = {
        name: int(status[key].split()[0]) * 1024 for key, name in FIELDS.items() if key in status
    }
    found["read"] = _read_bytes(pid)
    return found


def _read_bytes(pid: int) -> int | None:
    try:
        return int(_pairs(Path(f"/proc/{pid}/io"))["read_bytes"])
    except (OSError, KeyError):  # not ours to see, e.g. in some containers
        return None


def _pairs(path: Path) -> Mapping[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {key: value.strip() for key, _, value in lines}


def _portable(pid: int | None) -> dict[str, int | None]:
    info = psutil.Process(pid).memory_info()
    peak = getattr(info, "peak_wset", None) or info.rss
    return {"peak": peak, "anonymous": None, "mapped": None, "rss": info.rss, "read": None}
