"""Running out of memory: which process the system kills then, and whether it did."""

from contextlib import suppress
from pathlib import Path

from infra.conditions import cgroups

#: of oom_score_adj in proc_pid_oom_score_adj(5); 1000 is the first to be killed
SCORE = 500
ADJUSTMENT = Path("/proc/self/oom_score_adj")
SYSTEM = Path("/proc/vmstat")


def kills() -> int:
    """How many processes Linux has killed for lack of memory, in the cgroup of this process or,
    where that does not count them, in the system; 0 where nothing counts them."""
    for folder in cgroups.folders("memory"):
        for name in ("memory.events", "memory.oom_control"):
            if (count := cgroups.field(folder / name, "oom_kill")) is not None:
                return count
    return cgroups.field(SYSTEM, "oom_kill") or 0


def volunteer() -> None:
    """Let Linux kill this process, and not its parent, where memory runs out."""
    with suppress(OSError, ValueError):
        ADJUSTMENT.write_text(str(max(SCORE, int(ADJUSTMENT.read_text()))))
