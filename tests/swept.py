"""A sweep on disk, made from one real run: its record copied, with other choices and numbers."""

import copy
import functools
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.plan import identity_of
from infra.record import GENERATIONS, RECORD
from infra.runs import JOB, PLAN
from infra.sweeps import folder as sweeps

#: what a level multiplies: speed, memory, and the chance of a right answer
LEVELS = {
    ("quantization", "none"): (1.0, 1.0, 1.0),
    ("quantization", "q4"): (1.9, 0.31, 0.97),
    ("quantization", "q2"): (2.4, 0.2, 0.6),
    ("experts.active", "1"): (1.5, 0.9, 0.8),
    ("experts.active", "2"): (1.0, 1.0, 1.0),
}


@functools.cache
def _run() -> Path:
    folder = Path(tempfile.mkdtemp())
    arguments = "backend=echo", "tracking=none", "prompts.limit=1"
    done = subprocess.run(
        [sys.executable, "-m", "infra", *arguments], cwd=folder, check=True, capture_output=True,
        text=True, env={**os.environ, "INFRA_RUNS": str(folder / "runs")},
    )  # fmt: skip
    return Path(done.stdout.strip().splitlines()[-1]).parent


def copied(runs: Path) -> Path:
    """A real run, which was made once, in another folder of runs."""
    return Path(shutil.copytree(_run(), runs / _run().name))


def sweep(
    source: Path, axes: Mapping[str, Sequence[str]], repeats: int = 1, prompts: int = 50,
    noise: float = 0.02, **fields: Any,
) -> Path:  # fmt: skip
    """A finished sweep below the folder that ``source``, a run, lies in.

    Args:
        axes: by the command line's keys; ``quantization``, ``experts.active`` or ``sampling.…``.
        fields: further ones of sweep.json.
    """
    template, chance = json.loads((source / RECORD).read_text()), random.Random(0)
    row = json.loads((source / GENERATIONS).read_text().splitlines()[-1])
    cells = []
    for number, (repeat, levels) in enumerate(
        itertools.product(range(repeats), itertools.product(*axes.values()))
    ):
        chosen = dict(zip(axes, levels, strict=True))
        data = _record(copy.deepcopy(template), chosen, repeat, chance.lognormvariate(0, noise))
        rate = 0.9 * _factor(chosen, 2)
        right = [random.Random(f"{prompt}").random() < rate for prompt in range(prompts)]
        data["metrics"]["tool_call_exact"] = {
            "value": sum(right) / prompts, "n": prompts, "unit": "share", "better": "higher",
        }  # fmt: skip
        folder = source.parent / f"20300101-{number:06}.000-{data['identity'][:8]}"
        folder.mkdir()
        lines = [_answer(row, index, hit) for index, hit in enumerate(right)]
        (folder / GENERATIONS).write_text("\n".join(lines) + "\n")
        (folder / RECORD).write_text(json.dumps(data))
        (folder / PLAN).write_text("{}")
        (folder / JOB).write_text("{}")
        overrides = [f"{axis}={level}" for axis, level in chosen.items()]
        cells.append(
            {"overrides": overrides, "identity": data["identity"], "repeat": repeat,
             "state": "run", "cause": None}
        )  # fmt: skip
    folder = source.parent / "sweeps" / "20300101-000000.000-5eed"
    folder.mkdir(parents=True)
    told = {"name": None, "command": ["-m"], "started": 1.9e9, "ended": 1.9e9 + 60, "seed": 0,
            "status": "FINISHED", "axes": list(axes), "repeats": repeats, "cells": cells,
            "counts": None}  # fmt: skip
    sweeps.write(folder, told | fields)
    return folder


def _answer(row: Mapping[str, Any], index: int, right: bool) -> str:
    prompt = {**row["prompt"], "id": f"{index}"}
    return json.dumps({**row, "index": index, "prompt": prompt, "exact": right})


def _record(
    data: dict[str, Any], chosen: Mapping[str, str], repeat: int, noise: float
) -> dict[str, Any]:
    plan, metrics = data["plan"], data["metrics"]
    plan["repeat"] = repeat
    for axis, level in chosen.items():
        if axis.startswith("sampling."):
            plan["sampling"][axis.removeprefix("sampling.")] = float(level)
        else:
            plan[axis.replace(".", "_")] = int(level) if level.isdigit() else level
    data["facts"]["effective_k"] = plan["experts_active"]
    metrics["decode_tps"]["value"] = 100 * _factor(chosen, 0) * noise
    metrics["peak_memory"]["value"] = 1e9 * _factor(chosen, 1)
    data["identity"] = identity_of(plan)
    return data


def _factor(chosen: Mapping[str, str], place: int) -> float:
    found = 1.0
    for each in chosen.items():
        found *= LEVELS.get(each, (1.0, 1.0, 1.0))[place]
    return found
