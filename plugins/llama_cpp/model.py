"""Loads a GGUF file as llama.cpp's model, with the options of ``load.*``."""

import ctypes
import os
from pathlib import Path
from typing import Any

from infra.errors import Refused
from infra.plan import Load
from infra.weights import gguf_metadata

from . import hardware
from .native import library

INT_OVERRIDE = 0  # LLAMA_KV_OVERRIDE_TYPE_INT


def check_experts(path: Path, active: int | None) -> None:
    """llama.cpp ends the process where K is out of range.

    Raises:
        Refused: the file's metadata do not allow ``active`` experts.
    """
    if active is None:
        return
    metadata = gguf_metadata(path)
    experts = metadata.get(f"{metadata['general.architecture']}.expert_count") or 0
    if not 1 <= active <= experts:
        raise Refused(
            f"experts.active={active} is impossible: {path.name} has {experts} experts a layer."
        )


def load_model(path: Path, load: Load, active: int | None, hollow: bool = False) -> int:
    """A handle for ``llama_model_free``.

    Args:
        hollow: read the header alone and reserve no memory, to plan with; never with mmap.

    Raises:
        Refused: the file is missing, damaged or of an architecture that llama.cpp lacks.
    """
    lib = library()
    params = lib.llama.llama_model_default_params()
    params.no_alloc = hollow
    if active is not None:
        params.kv_overrides = _expert_override(path, active)
    devices = _device_array(load.device)
    if devices is not None:
        params.devices = ctypes.addressof(devices)
    if load.gpu_layers is not None:
        params.n_gpu_layers = load.gpu_layers
    if load.mmap is not None:
        mode = "MMAP" if load.mmap else "NONE"
        params.load_mode = getattr(lib.llama, f"LLAMA_LOAD_MODE_{mode}")
    if load.repack is not None:
        params.use_extra_bufts = load.repack
    lib.forget()
    model: int | None = lib.llama.llama_model_load_from_file(os.fsencode(path), params)
    if model is None:
        raise Refused(f"llama.cpp cannot load {path}: {lib.complaint()}.")
    return model


def _device_array(device: str) -> "ctypes.Array[ctypes.c_void_p] | None":
    devices = hardware.chosen(device)
    if devices is None:
        return None
    return (ctypes.c_void_p * (len(devices) + 1))(*devices.values())  # the last, NULL, ends it


def _expert_override(path: Path, active: int) -> Any:
    array = (library().llama.llama_model_kv_override * 2)()  # the second, empty, ends it
    array[0].tag = INT_OVERRIDE
    array[0].key = f"{gguf_metadata(path)['general.architecture']}.expert_used_count".encode()
    array[0].value.val_i64 = active
    return array
