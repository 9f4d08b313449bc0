"""The control groups of this process: cgroups(7) of version 1 and 2, in a container or not."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROCESS = Path("/proc/self")


def folders(controller: str, process: Path = PROCESS) -> list[Path]:
    """The cgroups that hold this process for ``controller``: its own first, then those around it
    as far as they can be seen; none where the system has no cgroups."""
    with suppress(OSError):
        version, inside = _membership(controller, process / "cgroup")
        for root, point in _mounts(controller if version == 1 else "", process / "mountinfo"):
            own = _below(point, root, inside)
            return [own, *(folder for folder in own.parents if folder.is_relative_to(point))]
    return []


def field(file: Path, key: str) -> int | None:
    """The number after ``key`` in a file with one of them a line; ``None`` where it has none."""
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
    return None


def _membership(controller: str, file: Path) -> tuple[int, str]:
    """The version that has ``controller``, and the path of this process in it."""
    paths: dict[str, str] = {}
    for line in file.read_text().splitlines():
        _, names, path = line.split(":", 2)
        paths |= dict.fromkeys(names.split(","), path)
    return (1, paths[controller]) if controller in paths else (2, paths.get("", "/"))


def _mounts(controller: str, file: Path) -> Iterator[tuple[str, Path]]:
    """Root and place of each mount of a controller of version 1, or of version 2 for ``""``."""
    for line in file.read_text().splitlines():
        place, _, what = line.partition(" - ")
        kind, _, options = what.split(" ", 2)
        wanted = controller in options.split(",") if controller else kind == "cgroup2"
        if kind in ("cgroup", "cgroup2") and wanted:
            yield place.split(" ")[3], Path(place.split(" ")[4])


def _below(point: Path, root: str, inside: str) -> Path:
    """Where a cgroup lies on disk. A container may see its own cgroup alone, mounted at the top,
    and the name that this has outside."""
    with suppress(ValueError):
        found = point / Path(inside).relative_to(root)
        if found.is_dir():
            return found
    return point
