"""Finished runs with made-up speeds and answers, written as infra writes them."""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from infra import record, runs
from infra.plan import Plan, PromptSet, Weights, identity_of, to_json
from infra.plugins import registry
from infra.types import Expected, Facts, Generation, Prompt, Record, Stage

PLAN = Plan(
    Weights("m", "/m", "gguf", "d", experts=8),
    "echo",
    "none",
    PromptSet("set.jsonl", "p20", 20),
    experts_active=2,
    versions={"infra": "1"},
    machine="here",
)
#: seconds a token takes in an undisturbed run
SECONDS = 0.01
MEMORY = 100_000_000
#: so that no two runs of a session have the same name
NUMBERS = itertools.count()


def repeats(
    count: int = 6,
    *,
    slower: float = 1.0,
    noise: float = 0.01,
    memory: float = 1.0,
    wrong: Iterable[int] = (),
    prompts: Sequence[int] = range(20),
    seed: int = 0,
    told: dict[str, Any] | None = None,
    **plan: Any,
) -> list[Path]:
    """Write ``count`` repeats of one configuration, and give their folders.

    Args:
        slower: what each time is multiplied by.
        noise: relative standard deviation between runs.
        wrong: prompts that are answered wrongly.
        told: fields of the record that are not as usual.
        plan: fields of the plan that are not as usual.
    """
    chance = np.random.default_rng(seed)
    digest = "p20" if list(prompts) == list(range(20)) else str(prompts)
    made = replace(PLAN, **{"prompts": PromptSet("set.jsonl", digest, len(prompts)), **plan})
    found = []
    for repeat, speed in enumerate(slower * np.exp(chance.normal(0, noise, count))):
        answers = [_answer(n, float(speed), n not in set(wrong)) for n in prompts]
        found.append(_write(replace(made, repeat=repeat), answers, memory, told or {}))
    return found


def _answer(number: int, speed: float, right: bool) -> Generation:
    expected = (Expected("f", {"n": number}),)
    asked = Prompt(f"p-{number}", ({"role": "user", "content": str(number)},), (), expected)
    times = tuple(speed * (0.1 + SECONDS * step * (1 + number / 20)) for step in range(11))
    return Generation(
        number, asked, 0.0, 50, f"hash-{number}", 50, 0.0, tuple(range(11)), times, "text",
        times[0], times[-1], "eos", None, right, {"strict": "ok" if right else "no_call"},
    )  # fmt: skip


def _write(plan: Plan, answers: list[Generation], memory: float, told: dict[str, Any]) -> Path:
    data, number = to_json(plan), next(NUMBERS)
    facts = Facts("echo 1", "cpu", "float32", 1000, 2000, 64, 1, 8, plan.experts_active)
    found = Record(
        plan=data, identity=identity_of(data), status="FINISHED", cause=None,
        started=1000.0 + number, facts=facts, generations=tuple(answers),
        stages=(Stage("generate", 0, 9, {"peak": round(MEMORY * memory)}),),
        machine={"id": plan.machine, "cpu": f"a CPU {plan.machine}"},
    )  # fmt: skip
    folder = runs.root() / f"20260101-{number:06}.000-{found.identity[:8]}"
    folder.mkdir(parents=True)
    (folder / runs.PLAN).write_text("")
    (folder / runs.JOB).write_text(json.dumps({"plan": data}))
    record.write(record.with_metrics(replace(found, **told), registry()), folder)
    return folder
