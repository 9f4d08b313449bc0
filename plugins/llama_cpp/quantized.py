"""The file that a plan runs: the given one, or its quantized copy, made once and kept.

Copies lie under ``gguf/`` in infra's cache, named by the SHA-256 of the source, the scheme and
the version of the engine that made them.
"""

import ctypes
import os
import shutil
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from infra import weights
from infra.errors import Failed, Refused
from infra.plan import Plan
from infra.resources import machine
from infra.weights.headers import gguf_parts

from .hardware import physical_cores
from .native import library

#: scheme -> llama.cpp's name of it
FILE_TYPES = {"q8": "Q8_0", "q4": "Q4_K_M", "q3": "Q3_K_M", "q2": "Q2_K"}
#: scheme -> share of an f16 file that its copy needs at most, embeddings kept finer included
LARGEST_SHARE = {"q8": 0.6, "q4": 0.45, "q3": 0.4, "q2": 0.35}


def file_of(plan: Plan) -> Path:
    """Where the weights lie that ``plan`` runs; ``ensure`` makes them.

    Raises:
        Refused: the file is quantized, and otherwise than asked, or there is no place for a copy.
    """
    asked, held, source = plan.quantization, plan.model.quantization, Path(plan.model.path)
    if asked in ("stored", held):
        return source
    if held != "none":
        raise Refused(
            f"quantization={asked} needs a file in f16, bf16 or f32, but {source} holds {held}, "
            "and quantizing again would add one loss to another. Give model.path such a file, or "
            "run this one as it is with quantization=stored."
        )
    assert plan.model.digest, "without it two models would share one copy"
    name = f"{plan.model.digest}-{FILE_TYPES[asked]}-{version('llama-cpp-python')}.gguf"
    return _folder() / name


def _folder() -> Path:
    """Where the copies lie; made if it is not there."""
    try:
        folder = machine.cache_dir() / "gguf"
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise _unwritable(error) from error
    return folder


def _unwritable(error: OSError) -> Refused:
    return Refused(
        f"The cache for quantized weights cannot be written: {error.filename}: {error.strerror}. "
        "Set INFRA_CACHE to a folder of yours."
    )


def ensure(plan: Plan) -> None:
    """Make the quantized copy if it is asked for and not there. A second process waits.

    Raises:
        Refused: the disk is too full, or the source cannot be quantized.
        Failed: the source is not what was planned.
    """
    target, source = file_of(plan), Path(plan.model.path)
    if target == source or target.exists():
        return
    try:
        with FileLock(f"{target}.lock"):
            if not target.exists():
                _check_space(source, target.parent, plan.quantization)
                _make(plan, target)
    except OSError as error:
        raise _unwritable(error) from error


def _check_space(source: Path, folder: Path, scheme: str) -> None:
    parts = filter(Path.exists, map(source.with_name, gguf_parts(source.name)))
    needed = int(sum(part.stat().st_size for part in parts) * LARGEST_SHARE[scheme])
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refused(
            f"quantization={scheme} needs up to {needed:,} bytes in {folder}, where {free:,} are "
            "free. Make room, or set INFRA_CACHE to a folder on another disk."
        )


def _make(plan: Plan, target: Path) -> None:
    """Under the lock, so that what a killed process left is simply written over."""
    lib, half = library(), target.with_suffix(".part")
    source, file_type = plan.model.path, FILE_TYPES[plan.quantization]
    params = lib.llama.llama_model_quantize_default_params()
    params.ftype = getattr(lib.llama, f"LLAMA_FTYPE_MOSTLY_{file_type}")
    params.nthread = physical_cores()
    lib.forget()
    try:
        code = lib.llama.llama_model_quantize(
            os.fsencode(source), os.fsencode(half), ctypes.byref(params)
        )
        if code:
            raise Refused(f"{source} cannot be quantized to {file_type}: {lib.complaint()}.")
        if changed := weights.changed(plan.model):  # the copy is named by what the source was
            raise Failed(changed)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
