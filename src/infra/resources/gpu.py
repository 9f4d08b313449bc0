"""How busy an NVIDIA accelerator is, by NVIDIA's management library (NVML)."""

import functools
from typing import Any


def percent(device: str) -> float | None:
    """Share of the last moments in which ``device`` (``cuda:0``) computed, 0 to 100; ``None``
    where it is no NVIDIA device or the library is missing."""
    if not device.lower().startswith("cuda"):
        return None
    library = _library()
    if library is None:
        return None
    index = int("".join(filter(str.isdigit, device)) or 0)
    try:
        handle = library.nvmlDeviceGetHandleByIndex(index)
        return float(library.nvmlDeviceGetUtilizationRates(handle).gpu)
    except library.NVMLError:
        return None


@functools.lru_cache(maxsize=1)
def _library() -> Any:
    try:
        import pynvml  # noqa: PLC0415  # there is one only where there is a driver

        pynvml.nvmlInit()
    except (ImportError, OSError):
        return None
    except pynvml.NVMLError:
        return None
    return pynvml
