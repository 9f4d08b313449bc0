"""How much memory a run takes: llama.cpp's own plan of its buffers, made without weights.

With ``no_alloc`` it reads a file's header and reserves nothing. That can end the process, so it
happens in one of its own, whose answer is remembered.
"""

import ctypes
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.plan import Plan, from_json, to_json
from infra.resources import preflight
from infra.types import Estimate, Json
from infra.weights import notes
from infra.weights.headers import gguf_parts, read_layout

from . import quantized, residency
from .native import library

#: bytes of the process after the import and once it works, with a small vocabulary
BASE, LATER = 54_000_000, 12_000_000
#: bytes of a token in llama.cpp's tables
ENTRY = 400
SECONDS = 60
DEFAULT_BATCH = 512  #: as in ``engine``, which imports numpy
#: C++'s name of ``llama_get_memory_breakdown(const llama_context *)`` of llama-ext.h
BREAKDOWN = "_Z26llama_get_memory_breakdownPK13llama_context"
PROGRAM = """
import json, sys
from infra.plugins import registry
registry()
from infra_plugins.llama_cpp import estimate
print(json.dumps(estimate.simulate(sys.stdin.read())))
"""


def estimate(plan: Plan) -> Estimate | None:
    """As in ``infra.protocols.Estimator``; only where all is computed on the CPU of Linux, from a
    file that is there. The cache is reserved for the whole context, however long requests are.

    Raises:
        Refused: the experts cannot be held as the plan asks.
    """
    residency.check(plan)
    path = quantized.file_of(plan)
    if sys.platform != "linux" or not path.exists():
        return None
    buffers = _simulated(plan)
    if not buffers or not set(buffers) <= {"CPU", "CPU_REPACK"}:
        return None
    load = residency.options(plan)
    weights, cache, compute = (sum(column) for column in zip(*buffers.values(), strict=True))
    plain = buffers["CPU"][0] if "CPU" in buffers else 0
    on_file = load.mmap is not False
    files = [path.with_name(name) for name in gguf_parts(path.name)]
    vocabulary = _vocabulary(files[0])
    logits = 4 * vocabulary * (load.batch or DEFAULT_BATCH)
    return Estimate(
        engine=preflight.base(plan, BASE) + LATER + vocabulary * ENTRY,
        weights=weights - plain if on_file else weights,
        mapped=sum(file.stat().st_size for file in files) if on_file else 0,
        kept=_kept(plan, files, plain) if on_file else 0,
        cache=cache,
        # it has room for the logits of a whole batch, and a request asks for one token's
        compute=max(compute - logits, compute // 3),
    )


def _kept(plan: Plan, files: list[Path], plain: int) -> int:
    """Of the weights that stay in the file, those that a token needs or that are locked."""
    sizes = {each.name: each.bytes for file in files for each in read_layout(file).tensors}
    experts = sum(size for name, size in sizes.items() if "_exps" in name)
    active = plan.experts_active or plan.model.experts_used
    if not plan.model.experts or not active or plain < experts:  # dense, or experts are repacked
        return plain
    locked = plan.experts.pin * 10**6
    return plain - experts + min(experts, locked + experts * active // plan.model.experts)


def _vocabulary(file: Path) -> int:
    tokens = read_layout(file).metadata.get("tokenizer.ggml.tokens")
    return int(tokens["length"]) if isinstance(tokens, dict) else 0


def _simulated(plan: Plan) -> dict[str, list[int]]:
    """Buffer type -> bytes of weights, of the cache, and of computing."""
    note = f"estimates/{plan.load_key}.json"
    known = notes.read(note)
    if not isinstance(known, dict):
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(
            command, input=json.dumps(to_json(plan)), capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            return {}
        notes.write(note, known := json.loads(done.stdout))
    return dict(known)


def simulate(task: str) -> dict[str, Json]:
    """In a process of its own: what ``_simulated`` gives, of a plan in JSON."""
    from .context import Context
    from .engine import DEFAULT_CONTEXT
    from .model import load_model

    plan = from_json(json.loads(task))
    load = replace(residency.options(plan), mmap=False)
    model = load_model(quantized.file_of(plan), load, plan.experts_active, hollow=True)
    made_for = library().llama.llama_model_n_ctx_train(model)
    length = load.context or min(made_for, DEFAULT_CONTEXT)
    context = Context(model, length, min(load.batch or DEFAULT_BATCH, length), 1)
    assert context.handle
    return dict(_breakdown(context.handle))


def _breakdown(context: int) -> Iterator[tuple[str, list[int]]]:
    """Walk over the ``std::map`` that llama.cpp gives, as libstdc++ lays it out."""
    lib = library()
    function: Any = getattr(lib.llama.llama_cpp._lib, BREAKDOWN)
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    tree = (ctypes.c_size_t * 6)()
    function(ctypes.addressof(tree), context)
    yield from _nodes(tree[2])


def _nodes(address: int) -> Iterator[tuple[str, list[int]]]:
    """Below a node: its left, its right, then a key and three numbers."""
    if not address:
        return
    _, _, left, right, kind, *sizes = (ctypes.c_size_t * 8).from_address(address)
    yield from _nodes(left)
    yield library().ggml.ggml_backend_buft_name(kind).decode(), list(sizes)
    yield from _nodes(right)
