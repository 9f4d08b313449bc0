"""What llama.cpp can run on here: physical cores, and devices that its build knows."""

import os
from ctypes import byref, c_size_t
from pathlib import Path

import psutil

from infra.errors import Refused
from infra.plan import Load

from .native import library

DTYPE = "float32"  #: of activations and sums
GPU_TYPES = (1, 2)  # GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU of ggml-backend.h
SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def physical_cores() -> int:
    """Physical cores that this process may use: what llama.cpp's spinning threads want."""
    if not hasattr(os, "sched_getaffinity"):
        return psutil.cpu_count(logical=False) or os.cpu_count() or 1
    usable = os.sched_getaffinity(0)
    try:
        return len({Path(SIBLINGS.format(cpu)).read_text() for cpu in usable})
    except OSError:
        return len(usable)


def gpus() -> dict[str, int]:
    """Name as ``load.device`` spells it -> handle, of the devices that layers can go to."""
    ggml = library().ggml
    handles = map(ggml.ggml_backend_dev_get, range(ggml.ggml_backend_dev_count()))
    return {name_of(h): h for h in handles if ggml.ggml_backend_dev_type(h) in GPU_TYPES}


def name_of(device: int) -> str:
    """ggml's ``CUDA0`` is ``cuda:0``, its ``MTL0`` or ``Metal`` is ``metal``."""
    name = library().ggml.ggml_backend_dev_name(device).decode().lower()
    if name.startswith(("mtl", "metal")):
        return "metal"
    stem = name.rstrip("0123456789")
    return f"{stem}:{name[len(stem) :]}" if stem != name else name


def chosen(device: str) -> dict[str, int] | None:
    """The devices that ``load.device`` names; ``None`` leaves the choice to llama.cpp.

    Raises:
        Refused: there is none of that name.
    """
    if device == "auto":
        return None
    if device == "cpu":
        return {}
    known = gpus()
    asked = "metal" if device == "mps" else device
    found = {name: h for name, h in known.items() if asked in (name, name.split(":")[0])}
    if not found:
        raise Refused(
            f"load.device={device} is not there: this build of llama-cpp-python sees "
            f"{', '.join(['cpu', *known])}. Choose one of these or install a build for it."
        )
    return found


def check(load: Load) -> None:
    """Raises:
    Refused: a device, or layers on a device, that this machine or build lacks, or a dtype that
        llama.cpp does not compute in.
    """
    if load.dtype not in ("auto", DTYPE):
        raise Refused(
            f"load.dtype={load.dtype}: llama.cpp computes in {DTYPE} and has no option for it. "
            "Leave it out; how the weights are stored is chosen by quantization=none or q8, q4 …"
        )
    chosen(load.device)
    if load.gpu_layers and not gpus():
        raise Refused(
            f"load.gpu_layers={load.gpu_layers} needs a GPU, and this build of llama-cpp-python "
            "sees none. Leave it out, or install a build with CUDA, Metal or Vulkan."
        )


def memory_in_use(device: str) -> int | None:
    """Bytes in use on ``device``, by anybody; ``None`` for main memory."""
    if device == "cpu":
        return None
    free, total = c_size_t(), c_size_t()
    library().ggml.ggml_backend_dev_memory(gpus()[device], byref(free), byref(total))
    return total.value - free.value
