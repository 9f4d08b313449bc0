"""The folder runs/sweeps/: one folder a sweep, locked while its parent lives; ``sweep.json`` holds
what was asked. What came of it stands in the runs' own records."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import filelock

from infra import runs
from infra.errors import Refused, nearest
from infra.files import write_atomic
from infra.types import Json

SWEEPS, SWEEP, LOCK = "sweeps", "sweep.json", ".lock"


def root() -> Path:
    """Where sweeps lie, below the folder of all runs."""
    return runs.root() / SWEEPS


def create(identity: str) -> Path:
    """A new folder, named by the time and ``identity``."""
    stamp = f"{datetime.now():%Y%m%d-%H%M%S.%f}"[:-3]
    folder = root() / f"{stamp}-{identity[:8]}"
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, data: dict[str, Json]) -> None:
    """sweep.json, whole or not at all."""
    write_atomic(folder / SWEEP, json.dumps(data, indent=1) + "\n")


def read(folder: Path) -> dict[str, Json]:
    """What ``write`` left.

    Raises:
        Refused: it cannot be read.
    """
    try:
        data: dict[str, Json] = json.loads((folder / SWEEP).read_text())
    except (OSError, ValueError) as error:
        raise Refused(f"The sweep {folder} cannot be read: {error}.") from error
    return data


def folders() -> list[Path]:
    """All sweeps, the oldest first."""
    return sorted(path.parent for path in root().glob(f"*/{SWEEP}"))


def matching(name: str) -> list[Path]:
    """The sweeps whose folder's name contains ``name``."""
    return [folder for folder in folders() if Path(name).name in folder.name]


def find(name: str) -> Path:
    """The sweep whose folder's name contains ``name``; ``sweep`` is the newest.

    Raises:
        Refused: there is none, or more than one.
    """
    known = folders()
    if name == "sweep" and known:
        return known[-1]
    found = matching(name)
    if len(found) == 1:
        return found[0]
    names = [folder.name for folder in found or known[-10:]]
    if not found:
        raise Refused(f"No sweep is called {name!r} in {root()}. {nearest(name, names)}")
    raise Refused(f"{len(found)} sweeps fit {name!r}: {', '.join(names)}.")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The lock that a sweep's parent holds; the system frees it when the parent dies."""
    with filelock.FileLock(folder / LOCK, blocking=False):
        yield
