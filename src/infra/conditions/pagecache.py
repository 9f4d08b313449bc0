"""The weights' pages in the system's page cache: brought in or dropped before a load, and what
the load then read from disk."""

import ctypes
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.errors import Refused
from infra.plan import Plan
from infra.plugins import registry
from infra.protocols import Converter
from infra.types import Json, Stage
from infra.weights import INDEX
from infra.weights.headers import gguf_parts

#: share of the weights read from disk from which on they were not in memory
COLD = 0.9
#: share up to which they were
WARM = 0.01
#: bytes of weights from which on a read must be theirs: libraries loaded late read some MB
CLEAR = 256 * 1024**2
CHUNK = 8 * 1024**2


def prepare(plan: Plan) -> None:
    """Read all weights (``warm``) or have the system forget them (``cold``). No process may have
    them mapped: such pages stay."""
    change = {"warm": _read, "cold": _drop}.get(plan.cache)
    if change is None:
        return
    for file in files(plan):
        with suppress(OSError):
            change(file)


def found(plan: Plan, stages: Sequence[Stage]) -> dict[str, Json]:
    """What was ``asked``, and what was ``effective`` by the bytes ``read`` from disk since before
    the load, of those that the ``weights`` have: ``cold``, ``warm`` or ``unknown``."""
    before, after = _bytes_read(stages, ("import", "convert")), _bytes_read(stages, ("load",))
    size = sum(file.stat().st_size for file in files(plan)) if after is not None else 0
    if before is None or after is None or not size:
        return {"asked": plan.cache, "effective": "unknown"}
    read = (_bytes_read(stages) or after) - before
    effective = _effective(plan.cache, read, size)
    return {"asked": plan.cache, "effective": effective, "read": read, "weights": size}


def _effective(asked: str, read: int, size: int) -> str:
    if read <= WARM * size:
        return "warm"
    clear = asked == "cold" or size >= CLEAR
    return "cold" if clear and read >= COLD * size else "unknown"


def doubt(cache: Mapping[str, Json]) -> str | None:
    """A sentence if the bytes read, where ``found`` knows them, are not those of what was asked."""
    if "read" not in cache or cache["asked"] in ("asis", cache["effective"]):
        return None
    share = cache["read"] / cache["weights"]
    return f"cache={cache['asked']} was asked for, and {share:.0%} of the weights came from disk"


def files(plan: Plan) -> list[Path]:
    """The files that ``load`` reads the weights from, as far as they are there yet."""
    backend = registry().get("infra_backends", plan.backend)
    try:
        path = backend.file_of(plan) if isinstance(backend, Converter) else Path(plan.model.path)
        return [file for file in _parts(path) if file.is_file()]
    except (OSError, Refused):  # the engine's process will say what is wrong
        return []


def _parts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path.with_name(name) for name in gguf_parts(path.name)]
    if (path / INDEX).is_file():
        shards = json.loads((path / INDEX).read_text(encoding="utf-8"))["weight_map"]
        return [path / name for name in sorted(set(shards.values()))]
    return sorted(path.glob("*.safetensors"))


def _bytes_read(stages: Sequence[Stage], names: Sequence[str] = ()) -> int | None:
    """By the process, up to the end of the last stage, or of the last with one of ``names``."""
    kept = [stage for stage in stages if not names or stage.name in names]
    return next(
        (read for each in kept[::-1] if (read := each.memory.get("read")) is not None), None
    )


def _read(file: Path) -> None:
    with file.open("rb", buffering=0) as source:
        buffer = bytearray(CHUNK)
        while source.readinto(buffer):
            pass


def _drop(file: Path) -> None:
    with file.open("rb") as source:
        os.fsync(source)  # a page that is not on disk yet stays
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        else:
            _invalidate(source.fileno(), os.fstat(source.fileno()).st_size)


def _invalidate(descriptor: int, size: int) -> None:
    """As fio does it on macOS, where F_NOCACHE leaves the pages that are there."""
    shared, readable, invalidate = 1, 1, 2
    system = ctypes.CDLL(None)
    system.mmap.restype = ctypes.c_void_p
    length, start = ctypes.c_size_t(size), ctypes.c_int64(0)
    address = ctypes.c_void_p(system.mmap(None, length, readable, shared, descriptor, start))
    system.msync(address, length, invalidate)
    system.munmap(address, length)
