"""What stands against comparing two sides, one sentence each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.answers.compare import REPEATS, Common
from infra.answers.sides import Run, Side, differing
from infra.console import counted
from infra.errors import Refused


def check_apart(a: Side, b: Side) -> None:
    """
    Raises:
        Refused: a run stands on both sides.
    """
    if both := {run.name for run in a.runs} & {run.name for run in b.runs}:
        raise Refused(
            f"{a.name} and {b.name} share {counted(len(both), 'run')}, such as {min(both)}."
        )


def concerns(a: Side, b: Side, shared: Common) -> Iterator[str]:
    """Warnings about both sides."""
    yield from _about_prompts(a, b, shared)
    yield from _about_machines(a, b)
    yield from _about_software(a, b)
    yield from _about_weights(a, b)
    yield from _about_cache(a, b)
    for side in (a, b):
        yield from _about_runs(side)


def one_after_other(a: Side, b: Side) -> Iterator[str]:
    """A warning where all runs of one side came before all of the other."""
    first, second = ([float(run.data["started"]) for run in side.runs] for side in (a, b))
    apart = max(first) < min(second) or max(second) < min(first)
    if apart and min(len(first), len(second)) >= REPEATS:
        yield (
            f"all runs of one side came before those of the other: what the machine did meanwhile "
            f"counts as a difference; a sweep with repeats={len(first)} takes turns"
        )


def set_up_apart(a: Side, b: Side) -> Iterator[str]:
    """A warning that lists all choices that differ."""
    if found := differing((a.runs[0], b.runs[0])):
        listed = ", ".join(f"{key}={' / '.join(values)}" for key, values in found.items())
        yield f"{a.name} and {b.name} are set up differently: {listed}"


def _about_prompts(a: Side, b: Side, shared: Common) -> Iterator[str]:
    if not all(any(side.prompts) for side in (a, b)):
        yield "the answers are not there: shares cannot be compared (infra gate --save keeps them)"
    elif not shared.keys:
        yield (
            "the prompts have nothing in common: shares cannot be compared, and speeds are of "
            "different work"
        )
    elif shared.total > len(shared.keys):
        yield (
            f"both sides were asked only {len(shared.keys)} of {counted(shared.total, 'prompt')}: "
            "speeds and shares are of those, memory and load times of all"
        )
    if changed := _retokenized(a, b, shared.keys):
        yield (
            f"{changed} of {len(shared.keys)} prompts reached the models as different tokens: "
            "another chat template or tokenizer"
        )


def _retokenized(a: Side, b: Side, keys: Sequence[str]) -> int:
    first, second = a.prompts[0], b.prompts[0]
    return sum(first[key][0].tokens != second[key][0].tokens for key in keys)


def _about_machines(a: Side, b: Side) -> Iterator[str]:
    first, second = (side.runs[0].data["machine"] for side in (a, b))
    if first["id"] != second["id"]:
        yield f"the machines differ: {first['cpu']} / {second['cpu']}"
    elif any(
        first.get(key) != second.get(key) for key in ("usable_cpus", "memory", "system", "python")
    ):
        yield "the machine has changed in between: its CPUs, memory, system or Python"


def _about_software(a: Side, b: Side) -> Iterator[str]:
    runs = (*a.runs, *b.runs)
    for what in ("versions", "plugins"):
        for name, found in _several([run.data["plan"][what] for run in runs]).items():
            told = "" if what == "plugins" else f": {', '.join(found)}"
            yield f"the runs differ in {'the plugin ' if what == 'plugins' else ''}{name}{told}"


def _several(dicts: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Keys that have more than one value, with their values."""
    found: dict[str, dict[str, None]] = {}
    for each in dicts:
        for key, value in each.items():
            found.setdefault(key, {})[value] = None
    return {key: list(values) for key, values in found.items() if len(values) > 1}


def _about_weights(a: Side, b: Side) -> Iterator[str]:
    first, second = (side.runs[0].data["plan"]["model"] for side in (a, b))
    same = all(first[key] == second[key] for key in ("name", "format", "quantization"))
    if same and first["digest"] != second["digest"]:
        yield f"the weights of {first['name']} are not the same files"


def _about_cache(a: Side, b: Side) -> Iterator[str]:
    first, second = (
        sorted({_cache(run) for run in side.runs} - {None, "unknown"}) for side in (a, b)
    )
    if first and second and first != second:
        yield f"the page cache before the load differs: {', '.join(first)} / {', '.join(second)}"


def _cache(run: Run) -> Any:
    return (run.data.get("cache") or {}).get("effective")


def _about_runs(side: Side) -> Iterator[str]:
    if side.failed:
        yield f"left out of {side.name}, as not finished: {counted(side.failed, 'run')}"
    if (n := len(side.runs)) < REPEATS:
        yield (
            f"{side.name} has {counted(n, 'finished run')}: speeds and memory need "
            f"{REPEATS} to say more than a ratio, as repeats={REPEATS} makes them in a sweep"
        )
    flagged = [flags for run in side.runs if (flags := run.data.get("flags"))]
    if flagged:
        yield (
            f"{side.name} was disturbed in {len(flagged)} of {counted(len(side.runs), 'run')}, "
            f"such as: {flagged[0][0]}"
        )
