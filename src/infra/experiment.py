"""One run, from plan to published record: the parent's side."""

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from infra import record, runs, tracking, weights
from infra.clock import Clock
from infra.conditions import counters, flags, oom, pagecache
from infra.console import Console
from infra.errors import Refused
from infra.interrupts import Interrupts
from infra.isolate import Child, Hosts
from infra.journal import State
from infra.plan import Plan, to_json
from infra.plugins import registry
from infra.resources import machine, preflight
from infra.types import Json, Prompt, Record, Stage

#: why a process ends by SIGBUS, as mmap(2) has it
UNREADABLE = (
    "the weights file that it had mapped was truncated, or its disk could not read a page of it"
)

#: of the weights' size; a run that read more had to read some of them again
TWICE = 2
#: bytes that an engine's own libraries may have at most
LIBRARIES = 2 * 10**9


class Outcome(NamedTuple):
    """A finished run and where its record lies."""

    record: Record
    path: Path
    interrupted: bool  #: somebody asked to stop, whether or not the run was done by then
    crashed: bool = False  #: the engine's process ended by itself


def execute(
    plan: Plan,
    prompts: list[Prompt],
    console: Console,
    hosts: Hosts,
    outbox: tracking.Outbox,
    *,
    remarks: tuple[str, ...] = (),
) -> Outcome:
    """Run ``plan`` in a child, write its record, with ``remarks`` among its notes, for ``outbox``.

    Raises:
        Refused: there is too little memory, or the child found that the plan cannot run here, and
            it is no part of a sweep; nothing is left of it.
    """
    if plan.sweep and (changed := weights.changed(plan.model)):
        return refuse(plan, changed, console, outbox)
    judged = _judged(plan, prompts, hosts)
    if judged.problem and plan.preflight == "refuse":
        if plan.sweep:
            return refuse(plan, judged.problem, console, outbox, judged.estimate)
        raise Refused(judged.problem)
    console.warn(judged.problem)
    remarks = (*remarks, *filter(None, (judged.problem, _about_weights(plan))))
    clock, state = Clock(), State(prompts)
    told: dict[str, Any] = {"plan": to_json(plan), "started": time.time(), "machine": _machine()}
    told["estimate"] = judged.estimate
    with Interrupts() as interrupts, runs.opened(plan, prompts, clock) as folder:
        if plan.cache == "cold":
            hosts.close()  # pages that a live process has mapped are not dropped
        if plan.memory and not hosts.holds(plan):
            pagecache.prepare(replace(plan, cache="cold"))  # only new pages count for the limit
        else:
            pagecache.prepare(plan)
        before, killed = counters.read(), oom.kills()
        with hosts.child(plan, folder, clock, state) as child:
            status, cause = _follow(child, plan, console, interrupts, outbox)
        if status == "FINISHED" and (changed := weights.changed(plan.model)):
            status, cause = "FAILED", changed
        if state.refused and not plan.sweep:
            runs.remove(folder)
            raise Refused(state.refused)
        crashed = child.died and not state.over
        if crashed and child.ended == -signal.SIGKILL:
            cause = f"{cause}{_lacking(child, oom.kills() - killed)}"
        if crashed and child.ended == -signal.SIGBUS:
            cause = f"{cause}: {UNREADABLE}"
        told["cache"] = cache = pagecache.found(plan, state.stages)
        told["flags"] = flags.between(before, counters.read(), state.generations, cache)
        found = record.from_state(
            state, status=status, cause=cause, samples=tuple(child.samples.rows), **told
        )
        found = replace(found, notes=(*remarks, *found.notes))
        _learn(plan, found.stages)
        return Outcome(*_kept(found, folder, plan, console, outbox), interrupts.came, crashed)


def _judged(plan: Plan, prompts: list[Prompt], hosts: Hosts) -> preflight.Verdict:
    """What is expected of its memory; a process that has loaded the same fits already."""
    if hosts.holds(plan):
        return preflight.judge(plan, prompts)._replace(problem=None)
    hosts.close()  # what it holds is free for this run
    return preflight.judge(plan, prompts)


def _about_weights(plan: Plan) -> str | None:
    if not plan.model.random:
        return None
    return f"the weights are {plan.model.origin}: times and memory are real, answers mean nothing"


def refuse(
    plan: Plan,
    sentence: str,
    console: Console,
    outbox: tracking.Outbox,
    estimate: Mapping[str, Json] | None = None,
) -> Outcome:
    """The record of a run of a sweep that cannot be; nothing was loaded."""
    clock, started = Clock(), time.time()
    with Interrupts() as interrupts, runs.opened(plan, [], clock) as folder:
        found = record.from_state(
            State([]), plan=to_json(plan), status="FAILED", cause=f"refused: {sentence}",
            started=started, machine=_machine(), estimate=estimate or {},
        )  # fmt: skip
        return Outcome(*_kept(found, folder, plan, console, outbox), interrupts.came)


def _follow(
    child: Child, plan: Plan, console: Console, interrupts: Interrupts, outbox: tracking.Outbox
) -> tuple[str, str | None]:
    """Status and cause of the run, once it is over."""
    state = child.state
    if not child.reused:
        console.warn(outbox.meanwhile(plan.tracking, runs.root()))
    try:
        with interrupts.allowed():
            child.wait_ready(plan.timeout)
            child.go()
            with console.live(plan) as live:
                child.watch(live.show, plan.timeout)
    except TimeoutError:
        return "FAILED", f"timeout of {plan.timeout:g} s in {state.place}{_paged(plan, child)}"
    except KeyboardInterrupt:
        child.kill()
        if not state.done:
            return "KILLED", f"interrupted in {state.place}"
    if state.done:
        return "FINISHED", None
    if state.refused:
        return "FAILED", f"refused: {state.refused}"
    ended = f"the engine's process ended by {child.ended_by} in {state.place}"
    return "FAILED", state.failed or ended


def _paged(plan: Plan, child: Child) -> str:
    """Why a run took too long, if it read its weights from the disk again and again."""
    rows = [row["read"] for row in child.samples.rows if "read" in row]
    read = rows[-1] - rows[0] if rows else 0
    size = sum(file.stat().st_size for file in pagecache.files(plan))
    if read < max(TWICE * size, LIBRARIES):
        return ""
    return (
        f", in which {read / 1e9:.1f} GB were read from the disk, and its weights have "
        f"{size / 1e9:.1f}: for lack of memory the same pages were read again and again"
    )


def _learn(plan: Plan, stages: Sequence[Stage]) -> None:
    """Remember what the engine's import took, for the next run's estimate."""
    rss = next((stage.memory.get("rss") for stage in stages if stage.name == "import"), None)
    if rss and plan.isolation != "none":
        preflight.learn(plan, rss)


def _lacking(child: Child, kills: int) -> str:
    """Why the kernel killed the engine's process, after ``kills`` outside of a limit of its own."""
    if limit := child.process.limit_hit:
        return f": it needed more than limits.memory={limit:,} bytes, and the system killed it"
    return ": the system killed it for lack of memory" if kills > 0 else ""


def _kept(
    found: Record, folder: Path, plan: Plan, console: Console, outbox: tracking.Outbox
) -> tuple[Record, Path]:
    """Measure it, write it, tell plugins and MLflow; what fails after writing is a warning."""
    found = record.with_metrics(found, registry())
    path, problem = record.write(found, folder)
    console.warn(problem)
    for problem in registry().recorded(found, str(path)):
        console.warn(problem)
    console.warn(outbox.take(folder, plan.tracking))
    return found, path


def _machine() -> dict[str, object]:
    return {**machine.describe(), "commit": machine.git_commit()}
