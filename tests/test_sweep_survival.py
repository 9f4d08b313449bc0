"""Whatever ends one run of a sweep, the others run; whatever ends the sweep, it can go on."""

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import made
from conftest import Begin, Done, ended
from trouble import until

RUN = ("backend=troubled", "tracking=none", "prompts.limit=2", "-m")
AXIS = "sampling.max_tokens=3,4,5"


def records(home: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in home.glob("runs/*/record.json")]
    return sorted(found, key=lambda record: record["started"])


def ends(home: Path) -> list[tuple[int, str]]:
    return [(each["plan"]["sampling"]["max_tokens"], each["status"]) for each in records(home)]


def sweeps(home: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(home.glob("runs/sweeps/*/sweep.json"))]


@pytest.mark.parametrize(
    ("trouble", "more", "cause"),
    [
        ("raise:generate:4", (), "RuntimeError: the engine broke"),
        ("abort:generate:4", (), "ended by SIGABRT in stage generate"),
        ("hang:generate:4", ("timeout=3",), "timeout of 3 s in stage generate"),
    ],
)
def test_a_run_that_fails_is_one_record_and_the_rest_go_on(
    begin: Begin, home: Path, trouble: str, more: tuple[str, ...], cause: str
) -> None:
    done = ended(begin(*RUN, AXIS, *more, TROUBLE=trouble))
    assert done.code == 1, done.err
    assert ends(home) == [(3, "FINISHED"), (4, "FAILED"), (5, "FINISHED")]
    assert cause in records(home)[1]["cause"]
    assert records(home)[2]["reused"] is None  # the engine that failed serves no other
    assert "3 runs: 2 finished, 1 failed." in done.err
    again = ended(begin(*RUN, AXIS, *more))
    assert (again.code, "1 to do" in again.err) == (0, True), again.err


def test_a_crash_is_tried_again(begin: Begin, home: Path) -> None:
    done = ended(begin(*RUN, AXIS, "retries=2", TROUBLE="once:generate:4"))
    assert done.code == 0, done.err
    assert ends(home) == [(3, "FINISHED"), (4, "FAILED"), (4, "FINISHED"), (5, "FINISHED")]
    assert "attempt 2 of 3 in 1 s" in done.err


def test_what_raises_is_not_tried_again(begin: Begin, home: Path) -> None:
    done = ended(begin(*RUN, AXIS, "retries=2", TROUBLE="raise:generate:4"))
    assert (done.code, len(records(home))) == (1, 3), done.err


def at_work(home: Path, runs: int) -> None:
    """Wait until the last of so many runs has its first token of the measured ones."""

    def look() -> bool | None:
        journals = sorted(home.glob("runs/*/journal"))
        last = journals[-1].read_text() if len(journals) == runs else ""
        return '["token"' in last.partition('"stage": "generate"')[2] or None

    until(look)


def test_ctrl_c_closes_the_sweep_and_says_how_to_go_on(begin: Begin, home: Path) -> None:
    process = begin(*RUN, AXIS, TROUBLE="hang:generate:4")
    at_work(home, 2)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130, done.err
    assert ends(home) == [(3, "FINISHED"), (4, "KILLED")]
    assert f"to go on where this stopped: python -m infra {' '.join((*RUN, AXIS))}" in done.err
    [sweep] = sweeps(home)
    assert sweep["status"] == "KILLED"
    assert (sweep["counts"]["killed"], sweep["counts"]["missing"]) == (1, 1)
    done = ended(begin(*RUN, AXIS))
    assert (done.code, "2 to do" in done.err) == (0, True), done.err


def test_ctrl_c_twice_stops_now(begin: Begin, home: Path) -> None:
    (home / "plugins" / "slow.py").write_text(SLOW_NOTIFIER)
    process = begin(*RUN, AXIS, TROUBLE="hang:generate:4")
    at_work(home, 2)
    process.send_signal(signal.SIGINT)
    until(lambda: (home / "notified").exists() or None)
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130
    assert ends(home) == [(3, "FINISHED"), (4, "KILLED")]
    nobody_left(home)
    done = ended(begin(*RUN, AXIS, "sampling.top_k=1"))
    assert "closed a sweep that was killed" in done.err
    assert sweeps(home)[0]["status"] == "KILLED"


SLOW_NOTIFIER = """
import os, time
from infra import hookimpl

@hookimpl
def infra_recorded(record, path):
    if record.status == "KILLED":
        open("notified", "w").close()
        time.sleep(60)
"""


def nobody_left(home: Path) -> None:
    """No process of infra works in ``home``."""

    def look() -> bool | None:
        return not any(_is_ours(process, home) for process in psutil.process_iter()) or None

    until(look)


def _is_ours(process: psutil.Process, home: Path) -> bool:
    try:
        command = process.cmdline()
        return "infra.host" in " ".join(command) and str(home) in " ".join(command)
    except psutil.Error:
        return False


def test_a_killed_sweep_is_closed_by_the_next_command(
    begin: Begin, infra: Callable[..., Done], home: Path
) -> None:
    process = begin(*RUN, AXIS, TROUBLE="hang:generate:4")
    at_work(home, 2)
    process.kill()
    process.communicate()
    nobody_left(home)
    assert sweeps(home)[0]["status"] == "RUNNING"
    infra("sync", "--help")
    done = infra("sync")
    assert ends(home) == [(3, "FINISHED"), (4, "KILLED")], done.err
    assert (sweeps(home)[0]["status"], sweeps(home)[0]["counts"]["missing"]) == ("KILLED", 1)


def test_killed_and_stopped_at_any_moment_a_sweep_ends_up_whole(begin: Begin, home: Path) -> None:
    """20 times: the union is that of an uninterrupted sweep, no run twice, none lost."""
    (home / "p.jsonl").write_text(json.dumps({"prompt": " ".join(map(str, range(250)))}) + "\n")
    command = (
        "backend=troubled", "tracking=none", "prompts.file=p.jsonl", "warmup=0", "-m",
        "sampling.max_tokens=" + ",".join(map(str, range(200, 232, 2))),
    )  # fmt: skip
    chance = random.Random(4)
    for number in range(20):
        process = begin(*command)
        time.sleep(chance.uniform(0.3, 2.5))
        process.send_signal(signal.SIGINT if number % 2 else signal.SIGKILL)
        process.communicate(timeout=300)
    done = ended(begin(*command))
    assert done.code == 0, done.err
    told = Counter(
        answer(folder) for folder in home.glob("runs/*/") if (folder / "plan.yaml").exists()
    )
    whole = ended(begin(*command, INFRA_RUNS=str(home / "other")))
    assert whole.code == 0, whole.err
    expected = Counter(answer(path.parent) for path in home.glob("other/*/record.json"))
    assert {key: n for key, n in told.items() if key} == dict(expected)
    assert len(expected) == 16
    nobody_left(home)


def answer(folder: Path) -> tuple[int, str] | None:
    """What a finished run answered."""
    record = json.loads((folder / "record.json").read_text())
    if record["status"] != "FINISHED":
        return None
    rows = [json.loads(line) for line in (folder / "generations.jsonl").open()]
    return record["plan"]["sampling"]["max_tokens"], rows[-1]["text"]


CHANGES = """
import os, pathlib
from infra import hookimpl

@hookimpl
def infra_stage(stage, plan):
    if stage == "parse" and "CHANGED" in os.environ and plan.sampling.max_tokens == 4:
        with pathlib.Path(plan.model.path, "config.json").open("a") as file:
            file.write("\\n")
    yield
"""


def test_no_run_counts_whose_weights_are_not_those_that_were_planned(
    begin: Begin, home: Path
) -> None:
    (home / "plugins" / "changes.py").write_text(CHANGES)
    model = "model=local", f"model.path={made.checkpoint(home / 'model')}"
    command = ("backend=echo", *model, *RUN[1:], AXIS)
    done = ended(begin(*command, CHANGED="1"))
    assert done.code == 1, done.err
    assert ends(home) == [(3, "FINISHED"), (4, "FAILED"), (5, "FAILED")]
    for each in records(home)[1:]:
        assert "model have changed since this run was planned" in each["cause"]
    assert "load" not in [stage["name"] for stage in records(home)[2]["stages"]]
    again = ended(begin(*command))
    assert (again.code, "3 to do" in again.err) == (0, True), again.err
