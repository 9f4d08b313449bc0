"""Whatever ends a run, a record tells it, with all that was computed, and no process stays."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from conftest import Begin, Done, ended
from trouble import until

Start = Callable[..., subprocess.Popen[str]]
STAGES = ["import", "load", "warmup", "generate", "parse"]
RUN = ("backend=troubled", "tracking=none", "prompts.limit=2")


@pytest.fixture
def start(begin: Begin) -> Start:
    """Start one troubled run."""
    return lambda trouble, *arguments: begin(*RUN, *arguments, TROUBLE=trouble)


def child_in(stage: str, home: Path, parent: int) -> psutil.Process:
    """The child, once its journal says that it is in ``stage`` and, if it generates, at work."""

    def look() -> psutil.Process | None:
        children = psutil.Process(parent).children()
        journals = list(home.glob("runs/*/journal"))
        text = journals[0].read_text() if journals else ""
        waiting = '["token"' in text.partition(f'"stage": "{stage}"')[2]
        at_work = waiting or stage in ("import", "load") or '"response"' in text
        begun = f'["begin", {{"stage": "{stage}"}}]' in text or (
            stage == "parse" and text.count('"response"') == 3
        )
        return children[0] if children and begun and at_work else None

    return until(look)


def tokens(folder: Path) -> int:
    rows = [json.loads(line) for line in (folder / "generations.jsonl").open()]
    return sum(len(row["ids"]) for row in rows)


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_child_leaves_a_failed_record(start: Any, home: Path, stage: str) -> None:
    process = start(f"hang:{stage}")
    child_in(stage, home, process.pid).kill()
    done = ended(process)
    assert (done.code, done.record["status"]) == (1, "FAILED"), done.err
    assert "SIGKILL" in done.record["cause"]
    assert tokens(done.folder) >= {"warmup": 1, "generate": 3, "parse": 6}.get(stage, 0)


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_leaves_a_killed_record(start: Any, home: Path, stage: str) -> None:
    process = start(f"hang:{stage}")
    child = child_in(stage, home, process.pid)
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert (done.code, done.record["status"]) == (130, "KILLED"), done.err
    assert not child.is_running()
    assert "Traceback" not in done.err
    assert tokens(done.folder) >= {"warmup": 1, "generate": 3, "parse": 6}.get(stage, 0)


@pytest.mark.parametrize("stage", STAGES)
def test_after_a_killed_parent_the_next_command_writes_the_record(
    start: Any, infra: Callable[..., Done], home: Path, stage: str
) -> None:
    process = start(f"hang:{stage}")
    child = child_in(stage, home, process.pid)
    process.kill()
    process.wait()
    until(lambda: True if not child.is_running() else None)
    (folder,) = [path.parent for path in home.glob("runs/*/plan.yaml")]
    assert folder.name in infra("doctor").out
    done = infra("backend=echo", "tracking=none", "prompts.limit=1")
    assert "recovered" in done.err
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "KILLED"
    assert tokens(folder) >= {"warmup": 2, "generate": 4, "parse": 6}.get(stage, 0)


@pytest.mark.parametrize("verb", ["show", "results", "report"])
def test_looking_at_runs_writes_the_record_of_a_killed_one(
    start: Any, infra: Callable[..., Done], home: Path, verb: str
) -> None:
    process = start("hang:generate")
    child = child_in("generate", home, process.pid)
    running = infra("show")
    assert (running.code, "is still running" in running.err) == (2, True), running.err
    process.kill()
    process.wait()
    until(lambda: True if not child.is_running() else None)
    done = infra(verb)
    assert (done.code, "recovered a run that was killed" in done.err) == (0, True), done.err
    said = Path(done.out.strip()).read_text() if verb == "report" else done.out
    assert "KILLED" in said
    assert "recovered" not in infra(verb).err


@pytest.mark.parametrize(
    ("kind", "cause"), [("raise", "the engine broke (details: child.log)"), ("abort", "SIGABRT")]
)
@pytest.mark.parametrize("stage", ["import", "load", "generate"])
def test_an_engine_that_raises_or_aborts_is_a_failed_run(
    start: Any, stage: str, kind: str, cause: str
) -> None:
    done = ended(start(f"{kind}:{stage}"))
    assert (done.code, done.record["status"]) == (1, "FAILED"), done.err
    assert cause in done.record["cause"]
    assert "Traceback" not in done.err


def test_the_details_of_a_run_in_this_process_are_on_standard_error(start: Any) -> None:
    done = ended(start("raise:generate", "isolation=none"))
    assert "the engine broke (details: standard error)" in done.record["cause"]
    assert "Traceback" in done.err


def test_a_run_that_hangs_ends_at_its_timeout(start: Any) -> None:
    done = ended(start("hang:generate", "timeout=3"))
    assert (done.code, done.record["status"]) == (1, "FAILED")
    assert "timeout of 3 s in stage generate" in done.record["cause"]


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting needs root")
def test_a_full_disk_saves_the_record_elsewhere(infra: Callable[..., Done], home: Path) -> None:
    disk = home / "small"
    disk.mkdir()
    size = "size=40k,nr_inodes=64"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        words = " ".join(f"word{n}" for n in range(3000))
        (home / "p.jsonl").write_text(json.dumps({"prompt": words}))
        done = infra(
            "backend=echo", "tracking=none", "prompts.file=p.jsonl", "sampling.max_tokens=3000",
            "warmup=0", INFRA_RUNS=str(disk),
        )  # fmt: skip
        assert (done.code, done.record["status"]) == (1, "FAILED"), done.err
        assert "a failed write to" in done.record["cause"]
        assert not done.folder.is_relative_to(disk)
        assert tokens(done.folder) > 10
        assert f"No space left on device): the record is {done.folder}" in done.err
        assert "recovered" not in infra("sync", INFRA_RUNS=str(disk)).err
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_run_that_cannot_be_recovered_is_told_once_and_by_doctor(
    infra: Callable[..., Done], home: Path
) -> None:
    echo = ("backend=echo", "tracking=none", "prompts.limit=1")
    folder = infra(*echo).folder
    (folder / "record.json").unlink()
    (folder / "job.json").write_text("{")
    assert f"{folder} was killed and cannot be recovered" in infra(*echo).err
    assert "recovered" not in infra(*echo).err
    assert "recovered" not in infra("sync").err
    assert f"lost           {folder.name}: JSONDecodeError" in infra("doctor").out
