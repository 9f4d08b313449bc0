"""Sweeps in MLflow: a parent run with children, closed whatever happens."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import Begin, Done, ended
from infra.plan import Tracking
from infra.tracking import mlflow_store
from trouble import until

if TYPE_CHECKING:
    from mlflow.entities import Run

Infra = Callable[..., Done]
TROUBLED = ("backend=troubled", "prompts.limit=2", "-m", "sampling.max_tokens=3,4,5")


def published(home: Path) -> "tuple[list[Run], list[Run]]":
    """Parents and children, the oldest first."""
    store = mlflow_store.open_store(Tracking("local"), home / "runs")
    found = store.client.search_runs([store.experiment], order_by=["attributes.start_time"])
    parents = [run for run in found if "sweep_parent" in run.data.tags]
    return parents, [run for run in found if "sweep_parent" not in run.data.tags]


def test_a_sweep_is_a_parent_with_children(infra: Infra, home: Path) -> None:
    done = infra("backend=echo", "prompts.limit=2", "-m", "sampling.max_tokens=3,4", "name=mine")
    assert done.code == 0, done.err
    [parent], children = published(home)
    assert (parent.info.run_name, parent.info.status) == ("mine", "FINISHED")
    assert parent.data.metrics["runs/finished"] == 2
    best = parent.data.tags["best/decode_tps"]
    assert best in {child.data.tags["folder"] for child in children}
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    files = {path.name for path in (home / "runs" / "mlartifacts").rglob("*") if path.is_file()}
    assert "sweep.json" in files


def test_the_parent_ranks_only_runs_with_the_same_prompts(infra: Infra, home: Path) -> None:
    done = infra("backend=echo", "-m", "prompts.limit=1,2,3,4,5,6,7,8")
    assert done.code == 0, done.err
    [parent], children = published(home)
    best = {key: name for key, name in parent.data.tags.items() if key.startswith("best/")}
    assert len(best) > 100  # more than MLflow takes at once
    assert best.keys() <= parent.data.metrics.keys()
    speeds = {key: name for key, name in best.items() if key.startswith("best/decode_tps")}
    assert list(speeds) == [f"best/decode_tps/prompts-{n}" for n in range(1, 9)]
    assert set(speeds.values()) == {child.data.tags["folder"] for child in children}


def test_what_was_swept_is_a_param_of_each_child(infra: Infra, home: Path) -> None:
    done = infra("backend=echo", "prompts.limit=1", "-m", "sampling.top_k=3,4", "seed=1,2")
    assert done.code == 0, done.err
    _, children = published(home)
    chosen = {(child.data.params["top_k"], child.data.params["seed"]) for child in children}
    assert chosen == {("3", "1"), ("3", "2"), ("4", "1"), ("4", "2")}
    assert "sampling.top_k" not in children[0].data.params


def test_runs_that_wait_for_each_other_go_with_the_next_engine_or_at_the_end(
    infra: Infra, home: Path
) -> None:
    command = (
        "-m",
        "backend=echo",
        "prompts.limit=2",
        "sampling.max_tokens=3,4",
        "load.context=64,65",
    )
    assert infra(*command).code == 0
    _, children = published(home)
    assert [run.info.status for run in children] == ["FINISHED"] * 4
    marks = {path: path.stat().st_mtime for path in home.glob("runs/*/published.json")}
    early, late = sorted(marks.values())[:2], sorted(marks.values())[2:]
    ends = sorted(path.stat().st_mtime for path in home.glob("runs/*/record.json"))
    assert ends[1] < early[0] <= early[1] < ends[2]
    assert ends[3] < late[0]


def test_a_tried_attempt_is_published_as_well(begin: Begin, home: Path) -> None:
    done = ended(begin(*TROUBLED, "retries=1", TROUBLE="once:generate:4"))
    assert done.code == 0, done.err
    _, children = published(home)
    statuses = [run.info.status for run in children]
    assert sorted(statuses) == ["FAILED", "FINISHED", "FINISHED", "FINISHED"]


@pytest.mark.parametrize("path", ["runs/sweeps/*/sweep.json", "runs/*/plan.yaml"])
def test_ctrl_c_at_the_start_does_not_wait_for_mlflow(
    begin: Begin, infra: Infra, home: Path, path: str
) -> None:
    process = begin(*TROUBLED, TROUBLE="hang:import:3")
    until(lambda: next(home.glob(path), None))
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130, done.err
    assert "report" not in done.err
    assert "Traceback" not in done.err
    if "not published" in done.err:  # else MLflow was there already
        assert done.err.count("`infra sync` publishes") == 1, done.err
        assert infra("sync").code == 0
    [parent], _ = published(home)
    assert parent.info.status == "KILLED"


def test_ctrl_c_closes_parent_and_child(begin: Begin, home: Path) -> None:
    process = begin(*TROUBLED, TROUBLE="hang:generate:4")
    until(lambda: len(list(home.glob("runs/*/journal"))) == 2 or None)
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130
    [parent], children = published(home)
    assert [run.info.status for run in (parent, *children)] == ["KILLED", "FINISHED", "KILLED"]
    assert parent.data.metrics["runs/missing"] == 1


def test_sync_closes_the_parent_of_a_killed_sweep(begin: Begin, infra: Infra, home: Path) -> None:
    process = begin(*TROUBLED, TROUBLE="hang:generate:4")
    until(lambda: len(list(home.glob("runs/*/journal"))) == 2 or None)
    process.kill()
    process.communicate()
    [parent], children = published(home)
    assert (parent.info.status, children) == ("RUNNING", [])  # they were to go together
    assert infra("sync").code == 0
    [parent], children = published(home)
    assert (parent.info.status, len(children)) == ("KILLED", 2)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}


def test_a_sweep_that_could_not_be_published_is_published_by_sync(infra: Infra, home: Path) -> None:
    dead = ("tracking=server", "tracking.uri=http://127.0.0.1:9")
    axis = "isolation=fresh", "sampling.max_tokens=3,4"
    done = infra("backend=echo", "prompts.limit=2", "-m", *axis, *dead)
    assert (done.code, "will not be published" in done.err) == (0, True), done.err
    assert done.err.count("http://127.0.0.1:9") == 1, done.err
    assert json.loads(Path(done.out.splitlines()[-1]).read_text())["status"] == "FINISHED"
    assert infra("sync").code == 0
    [parent], children = published(home)
    assert (parent.info.status, len(children)) == ("FINISHED", 2)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
