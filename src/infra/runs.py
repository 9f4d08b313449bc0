"""The folder runs/: one folder a run, locked while its parent lives."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import filelock
import yaml

from infra.clock import Clock
from infra.errors import Refused, nearest
from infra.files import readable, write_atomic
from infra.journal import Reader, State
from infra.plan import Plan, to_json
from infra.plugins import registry
from infra.prompts import read as read_prompts
from infra.prompts import write as write_prompts
from infra.record import RECORD, from_state, with_metrics, write
from infra.resources import machine
from infra.types import Json, Prompt, Record

PLAN, JOB, PROMPTS, LOCK = "plan.yaml", "job.json", "prompts.jsonl", ".lock"
#: libyaml's where PyYAML has it, which takes a tenth of the time
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: why a killed run could not be recovered; said once, and by ``infra doctor``
LOST = "lost.txt"


def root() -> Path:
    """INFRA_RUNS, or runs/ below the working directory.

    Raises:
        Refused: it is a file, or its name is too long or not UTF-8, which MLflow and record.json
            cannot hold.
    """
    path = Path(os.environ.get("INFRA_RUNS") or "runs").absolute()
    try:
        if path.is_file():
            raise Refused(f"{path} is a file: set INFRA_RUNS to a folder.")
    except OSError as error:
        raise Refused(
            f"The folder {path} cannot be used: {error.strerror}. Set INFRA_RUNS to another one."
        ) from error
    if (shown := readable(str(path))) != str(path):
        raise Refused(f"The folder '{shown}' is not UTF-8 text: set INFRA_RUNS to another one.")
    return path


@contextmanager
def opened(plan: Plan, prompts: list[Prompt], clock: Clock) -> Iterator[Path]:
    """A new folder with plan.yaml, prompts.jsonl and the child's job, locked while it is used.

    Raises:
        Refused: it cannot be written.
    """
    stamp = f"{datetime.now():%Y%m%d-%H%M%S.%f}"[:-3]
    name = f"{stamp}-{plan.identity[:8]}"
    with ExitStack() as stack:
        with _writing():
            folder = _free(root() / name)
            try:
                stack.enter_context(lock(folder))
                _fill(folder, plan, prompts, clock)
            except OSError:
                remove(folder)
                raise
        yield folder


def remove(folder: Path) -> None:
    """Leave nothing of a run that did not begin."""
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _fill(folder: Path, plan: Plan, prompts: list[Prompt], clock: Clock) -> None:
    """plan.yaml comes last: a folder that has one has all the rest."""
    job = {"plan": to_json(plan), "origin": clock.origin, "started": time.time()}
    write_prompts(folder / PROMPTS, prompts)
    write_atomic(folder / JOB, json.dumps(job))
    write_atomic(folder / PLAN, yaml.dump(to_json(plan), Dumper=DUMPER, sort_keys=False))


def ensure_root() -> None:
    """Make runs/ if it is not there.

    Raises:
        Refused: it cannot be made or written.
    """
    with _writing():
        root().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root()):
            pass


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(
            f"The folder {root()} cannot be written: {error.strerror}. "
            "Free some space, mend its rights, or set INFRA_RUNS to another folder."
        ) from error


def _free(folder: Path) -> Path:
    """``folder``, or with ``-2``, ``-3`` … behind it; made by this call."""
    tries = 1
    while True:
        name = folder if tries == 1 else folder.with_name(f"{folder.name}-{tries}")
        try:
            name.mkdir(parents=True)
        except FileExistsError:
            tries += 1
        else:
            return name


def lock(folder: Path) -> filelock.BaseFileLock:
    """The lock that a run's parent holds; the system frees it when the parent dies."""
    return filelock.FileLock(folder / LOCK, blocking=False)


def folders() -> list[Path]:
    """All run folders, the oldest first."""
    found = (path.parent for path in root().glob(f"*/{PLAN}"))
    return sorted(folder for folder in found if (folder / JOB).exists())


def find(name: str) -> Path:
    """The run whose folder's name contains ``name``; ``last`` is the newest.

    Raises:
        Refused: there is none, or more than one.
    """
    known = folders()
    if not known:
        raise Refused(f"There are no runs in {root()} yet: python -m infra makes one.")
    if name == "last":
        return known[-1]
    found = [folder for folder in known if name in folder.name]
    exact = [folder for folder in found if folder.name == Path(name).name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise Refused(f"No run is called {name!r} in {root()}. {nearest(name, _names(known))}")
    raise Refused(f"{len(found)} runs fit {name!r}: {', '.join(_names(found))}.")


def _names(found: list[Path]) -> list[str]:
    return [folder.name for folder in found[-10:]]


def unfinished() -> Iterator[Path]:
    """Folders without a record whose parent is gone, but for those that ``lost`` has."""
    for folder in folders():
        if not _ended(folder) and not _held(folder) and not _ended(folder):
            yield folder


def running() -> Iterator[Path]:
    """Folders without a record that a process works at."""
    for folder in folders():
        if not (folder / RECORD).exists() and _held(folder):
            yield folder


def lost() -> Iterator[tuple[Path, str]]:
    """The runs that could not be recovered, each with its reason."""
    for folder in folders():
        with suppress(OSError):
            yield folder, (folder / LOST).read_text(errors="replace").strip()


def _ended(folder: Path) -> bool:
    return any((folder / name).exists() for name in (RECORD, LOST))


def _held(folder: Path) -> bool:
    try:
        with lock(folder):
            return False
    except (filelock.Timeout, OSError):
        return True


def recover(
    folder: Path, status: Literal["KILLED", "FAILED"] = "KILLED", killed: str = "infra"
) -> str:
    """Write the record of a run whose parent was killed, or could not write it, from its journal.

    Args:
        status: of a run that was not over.
        killed: who was, for the cause.

    Returns:
        A sentence that says so, or why it could not be done; ``lost`` keeps that reason.
    """
    try:
        job = json.loads((folder / JOB).read_text())
        state = State(read_prompts(folder / PROMPTS))
        for line in Reader(folder).lines():
            state.apply(line)
        record = _killed(state, job, status, killed)
        path, problem = write(with_metrics(record, registry()), folder)
    except (OSError, ValueError, KeyError, TypeError, Refused) as error:
        with suppress(OSError):
            write_atomic(folder / LOST, f"{error!r}\n")
        return f"The run {folder} was killed and cannot be recovered: {error!r}."
    how = "had finished" if state.done else "had failed" if state.failed else "was killed"
    return f"recovered a run that {how}: {problem or path}"


def recover_all(say: Callable[[str], None]) -> None:
    """Write the records of the runs whose parent was killed, and tell of each."""
    for folder in unfinished():
        say(recover(folder))


def _killed(
    state: State, job: dict[str, Json], status: Literal["KILLED", "FAILED"], who: str
) -> Record:
    told = {"plan": job["plan"], "started": job["started"], "machine": machine.describe()}
    if state.done:
        return from_state(state, status="FINISHED", cause=None, **told)
    if state.failed:
        return from_state(state, status="FAILED", cause=state.failed, **told)
    cause = f"{who} was killed in {state.place}"
    return from_state(state, status=status, cause=cause, **told)
