"""What tests of streamed experts share."""

import importlib
import mmap
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from conftest import GGUF
from infra import testing
from infra.plan import Experts, Plan
from infra.plugins import registry
from infra.protocols import Engine
from infra.types import Sampling

IDS = [5, 300, 17, 900, 44, 45, 46, 800, 120, 121, 122, 600]


def part(name: str) -> Any:
    """A module of the plugin."""
    registry()
    return importlib.import_module(f"infra_plugins.llama_cpp.{name}")


def plan_of(path: Path, residency: str | None, k: int | None = None, **experts: Any) -> Plan:
    given = Experts(residency=residency, io_threads=experts.pop("io_threads", 3), **experts)
    plan = testing.plan_for(GGUF, "llama_cpp", threads=1, repack=False, context=256, batch=8)
    model = replace(plan.model, path=str(path))
    return replace(plan, model=model, experts=given, experts_active=k)


def computed(engine: Engine) -> tuple[list[int], np.ndarray[Any, Any]]:
    """Greedy tokens, and log-probabilities."""
    tokens = [token.id for token in islice(engine.generate(IDS, Sampling()), 12)]
    return tokens, engine.logprobs(IDS + tokens)


def is_cached(path: Path, place: Any) -> bool:
    """Whether all pages that are wholly inside of a range are in the page cache."""
    start = -(-place.offset // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (place.offset + place.size) // mmap.PAGESIZE * mmap.PAGESIZE
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        view = np.frombuffer(data, np.uint8)
        found: bool = part("pages").Presence(place.size).all(view.ctypes.data + start, end - start)
        del view
    return found
