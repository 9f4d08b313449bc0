"""The machine that a run ran on: what it is, what it has, and where infra keeps its caches."""

import functools
import hashlib
import os
import platform
import subprocess
import uuid
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs
import psutil

from infra.types import Json


def cache_dir() -> Path:
    """INFRA_CACHE, or the user's cache folder: digests, metadata and quantized files."""
    chosen = os.environ.get("INFRA_CACHE")
    path = Path(chosen) if chosen else platformdirs.user_cache_path("infra")
    path.mkdir(parents=True, exist_ok=True)
    return path


@functools.lru_cache(maxsize=1)
def describe() -> dict[str, Json]:
    """CPU, cores, memory (bytes), system and Python, for the record."""
    return {
        "id": machine_id(),
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "usable_cpus": usable_cpus(),
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def usable_cpus() -> int:
    """Logical CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_id() -> str:
    """Twelve hex digits that tell machines apart and name none."""
    try:
        stable = Path("/etc/machine-id").read_text().strip()
    except OSError:
        stable = str(uuid.getnode())
    return hashlib.sha256(f"{stable}{_cpu_name()}".encode()).hexdigest()[:12]


def versions(distributions: tuple[str, ...]) -> dict[str, str]:
    """Installed versions, without importing; what is missing is left out."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The commit of the user's repository, ``-dirty`` with uncommitted changes."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


@functools.lru_cache(maxsize=1)
def _cpu_name() -> str:
    return _of_cpu("model name") or platform.processor() or platform.machine()


@functools.lru_cache(maxsize=1)
def cpu_flags() -> frozenset[str]:
    """What the CPU can do, in Linux's words, such as ``avx512dq``; empty where that is unknown."""
    return frozenset(_of_cpu("flags").split())


def _of_cpu(field: str) -> str:
    """From Linux's description of the first CPU; empty if it is not there."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    found = (line.split(":", 1)[1].strip() for line in lines if line.startswith(field))
    return next(found, "")
