"""``limits.memory``: the engine's process in a memory cgroup of its own, of version 1 or 2.

All that the process takes counts, the pages of files that it reads or maps too: the kernel drops
those first, so that weights in files can be larger than the limit, and kills the process where
nothing is left to drop. Pages that are in the page cache already count for whoever read them, so
those of the weights are dropped before the process starts. Swap is off inside.

Sources: docs.kernel.org/admin-guide/cgroup-v1/memory.html and .../cgroup-v2.html.
"""

import itertools
import os
import platform
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from infra.conditions import cgroups
from infra.errors import Failed, Refused

UNITS = {"": 1, "B": 1} | {
    f"{letter}{end}": base**power
    for power, letter in enumerate("KMGT", 1)
    for end, base in (("", 1000), ("B", 1000), ("IB", 1024))
}
#: the smallest limit in which Python starts at all
LEAST = 16 * 1024**2
NAME = "infra"
#: file with the limit -> file with that of swap; version 1 counts memory in it too
FILES = {"memory.max": "memory.swap.max", "memory.limit_in_bytes": "memory.memsw.limit_in_bytes"}
RIGHT = (
    "run as root, or with `systemd-run --user --scope -p Delegate=yes python -m infra …` where "
    "systemd runs"
)
#: seconds that the kernel may take to let go of a group whose processes have ended
PATIENCE = 2.0

_numbers = itertools.count()


def parse(text: str) -> int:
    """Bytes.

    Raises:
        Refused: it is no amount of memory, or too little for any process.

    >>> parse("700MB"), parse("1GiB"), parse("32000000")
    (700000000, 1073741824, 32000000)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    unit = UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise Refused(f"limits.memory={text} is no amount of memory: write 700MB, 8GiB or bytes.")
    if (size := int(float(found[1]) * unit)) < LEAST:
        raise Refused(f"limits.memory={text} is less than any process needs: {LEAST:,} bytes.")
    return size


def check(limit: int, around: list[Path] | None = None) -> None:
    """Whether a group with this limit can be made.

    Raises:
        Refused: it cannot, and how to get the right.
    """
    Group(limit, around).remove()


class Group:
    """A cgroup with a limit of memory, below or beside that of this process."""

    def __init__(self, limit: int, around: list[Path] | None = None) -> None:
        """Args:
            around: the groups to make it in, without one those of this process.

        Raises:
            Refused: this system has no such groups, or this user may make none.
        """
        own = cgroups.folders("memory") if around is None else around
        if not own:
            raise Refused(
                f"limits.memory needs Linux's control groups: {platform.system()} has none."
            )
        _tidy(own[:2])
        self.limit, self.killed = limit, 0
        self.folder = self._made(own)

    @property
    def door(self) -> Path:
        """The file that takes the number of a process to let in."""
        return self.folder / "cgroup.procs"

    def remove(self) -> None:
        """End what is still inside and take the group away; ``killed`` keeps how many processes
        the kernel has killed in it."""
        self.killed = self._kills()
        deadline = time.monotonic() + PATIENCE
        while self.folder.exists() and time.monotonic() < deadline:
            for pid in _inside(self.folder):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if _removed(self.folder):
                return
            time.sleep(0.01)

    def _made(self, own: list[Path]) -> Path:
        name = f"{NAME}-{os.getpid()}-{next(_numbers)}"
        problem: OSError | None = None
        for around in _places(own):
            folder = around / name
            try:
                folder.mkdir()
                self._set(folder)
            except OSError as error:
                problem = problem or error
                _removed(folder)
            else:
                return folder
        why = problem.strerror if problem else "no group around it lets its memory be limited"
        raise Refused(f"limits.memory needs a cgroup, and {own[0]} takes none ({why}): {RIGHT}.")

    def _set(self, folder: Path) -> None:
        """Memory before swap, which the kernel wants larger."""
        for name, swap in FILES.items():
            if (folder / name).exists():
                (folder / name).write_text(str(self.limit))
                if (folder / swap).exists():  # there is none where swap is not counted
                    (folder / swap).write_text("0" if name == "memory.max" else str(self.limit))
                return
        raise FileNotFoundError(0, "its groups have no memory controller")

    def _kills(self) -> int:
        for name in ("memory.events", "memory.oom_control"):
            if (count := cgroups.field(self.folder / name, "oom_kill")) is not None:
                return count
        return 0


def verify(limit: int) -> None:
    """In the limited process: whether the limit is in effect.

    Raises:
        Failed: it is not, with both values.
    """
    found = min((each for _, each in _limits()), default=None)
    page = os.sysconf("SC_PAGE_SIZE")
    if found is None or not limit - page <= found <= limit:
        raise Failed(f"limits.memory={limit} bytes were asked for, {found} are in effect.")


def available() -> int:
    """Bytes that a new process can take without swapping: of the machine, and of the cgroups that
    hold this one."""
    free = [psutil.virtual_memory().available]
    for folder, limit in _limits():
        free.append(max(0, limit - _used(folder)))
    return min(free)


def _places(own: list[Path]) -> Iterator[Path]:
    """Where a group can have a limit: where version 1 is, in this process's own group; with
    version 2, where the group's children have the controller. A group of version 2 that holds
    processes gives it to no child, so the last resort is to move them into one."""
    nearest = own[:2]
    if not (own[0] / "cgroup.controllers").exists():
        yield from nearest
        return
    yield from (each for each in nearest if _gives_memory(each))
    if not _gives_memory(own[0]) and _moved_aside(own[0]):
        yield own[0]


def _gives_memory(folder: Path) -> bool:
    with suppress(OSError):
        return "memory" in (folder / "cgroup.subtree_control").read_text().split()
    return False


def _moved_aside(folder: Path) -> bool:
    """Move all processes of a group into one below it, so that it can give controllers away."""
    aside = folder / f"{NAME}-{os.getpid()}-main"
    try:
        aside.mkdir(exist_ok=True)
        for pid in _inside(folder):
            (aside / "cgroup.procs").write_text(str(pid))
        (folder / "cgroup.subtree_control").write_text("+memory")
    except OSError:
        return False
    return True


def _tidy(places: list[Path]) -> None:
    """Remove groups whose infra was killed before it could."""
    for place in places:
        for folder in place.glob(f"{NAME}-*-*"):
            pid = folder.name.split("-")[1]
            if pid.isdigit() and not psutil.pid_exists(int(pid)) and not _inside(folder):
                _removed(folder)


def _inside(folder: Path) -> list[int]:
    with suppress(OSError):
        return [int(line) for line in (folder / "cgroup.procs").read_text().split()]
    return []


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return not folder.exists()
    return True


def _limits() -> Iterator[tuple[Path, int]]:
    """The cgroups that hold this process and have a limit."""
    for folder in cgroups.folders("memory"):
        for name in FILES:
            with suppress(OSError, ValueError):  # "max" is none
                limit = int((folder / name).read_text())
                if limit < 2**62:  # how version 1 says none
                    yield folder, limit


def _used(folder: Path) -> int:
    """Bytes that a group holds and cannot drop."""
    for name in ("memory.current", "memory.usage_in_bytes"):
        with suppress(OSError, ValueError):
            used = int((folder / name).read_text())
            stat = folder / "memory.stat"
            kept = [
                f"{prefix}{kind}_file"
                for prefix in ("total_", "")
                for kind in ("active", "inactive")
            ]
            files = [cgroups.field(stat, key) for key in kept]
            total = files[:2] if files[0] is not None else files[2:]
            return used - sum(each or 0 for each in total)
    return 0
