"""Small JSON notes under ``machine.cache_dir()``: facts that are slow to find out twice.

A note that cannot be written or read costs time, never a run.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from infra.files import write_atomic
from infra.resources.machine import cache_dir
from infra.types import Json


def remembered(kind: str, path: Path, compute: Callable[[Path], Json]) -> Json:
    """``compute(path)``, taken from a note as long as the file's size, times and inode stay."""
    real = path.resolve()
    status = real.stat()
    # copying tools and editors set mtime back, which nobody can do to ctime
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    name = f"files/{hashlib.sha256(os.fsencode(real)).hexdigest()[:24]}.{kind}.json"
    known = read(name)
    if isinstance(known, dict) and known.get("stamp") == stamp and "value" in known:
        return known["value"]
    value = compute(path)
    write(name, {"path": str(real), "stamp": stamp, "value": value})
    return value


def read(name: str) -> Json:
    """What was written as ``name``; ``None`` where there is nothing that can be read."""
    try:
        return json.loads((cache_dir() / name).read_text())
    except (OSError, ValueError):
        return None


def write(name: str, value: Json) -> None:
    """Keep ``value`` as ``name``, atomically."""
    with contextlib.suppress(OSError):
        note = cache_dir() / name
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(note, json.dumps(value))
