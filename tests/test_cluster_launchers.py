"""Sweeps over Hydra's launchers: every run has a record, a row and a place in MLflow, whatever
happens to the process that it ran in."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from conftest import Begin, Done, ended
from infra.resources import machine
from trouble import until

#: launcher -> the distribution that brings it, and how it is told to run two at a time
LAUNCHERS = {
    "joblib": ("hydra-joblib-launcher", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]),
    "ray": ("ray", ["hydra/launcher=ray", "hydra.launcher.workers=2"]),
    "submitit": ("hydra-submitit-launcher", ["hydra/launcher=submitit_local"]),
}
#: seconds until the workers have ended three runs; Ray takes ten to start on a busy core
PATIENCE = 180
SWEEP = ("-m", "backend=troubled", "sampling.max_tokens=4,5,6,7", "prompts.limit=1")


@pytest.fixture(params=LAUNCHERS)
def launcher(request: pytest.FixtureRequest) -> list[str]:
    """The overrides that choose a launcher."""
    distribution, overrides = LAUNCHERS[request.param]
    if not machine.versions((distribution,)):
        pytest.skip(f"{distribution} is not installed")
    return overrides


@pytest.fixture(autouse=True)
def _nothing_stays(home: Path) -> Iterator[None]:
    yield
    until(lambda: True if not at_work(home) else None)


def at_work(home: Path) -> list[psutil.Process]:
    """The processes of sweeps in ``home``."""
    return [each for each in psutil.process_iter() if _runs_of(each) == str(home / "runs")]


def _runs_of(process: psutil.Process) -> str | None:
    try:
        found: str | None = process.environ().get("INFRA_RUNS")
    except psutil.Error:
        return None
    return found if process.pid != os.getpid() else None


def records(home: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(home.glob("runs/*/record.json"))]


def by_tokens(home: Path, status: str) -> list[int]:
    """``sampling.max_tokens`` of the runs that ended so."""
    found = [
        each["plan"]["sampling"]["max_tokens"] for each in records(home) if each["status"] == status
    ]
    return sorted(found)


def sweep(done: Done) -> dict[str, Any]:
    """What the last line on stdout names."""
    data: dict[str, Any] = json.loads(Path(done.out.splitlines()[-1]).read_text())
    return data


def child_at_work(sweep: subprocess.Popen[str], home: Path) -> psutil.Process:
    """The process that holds the model of the run that hangs, as the others have ended."""
    deadline = time.monotonic() + PATIENCE
    found: list[psutil.Process] = []
    while len(found) != 1:
        assert sweep.poll() is None, sweep.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
        if len(records(home)) == 3:
            found = [each for each in at_work(home) if generates(each)]
    (child,) = found
    return child


def generates(process: psutil.Process) -> bool:
    """Whether it holds a model of which text is asked, and its run is not over."""
    command = process.cmdline()
    if "infra.host" not in command:
        return False
    folder = Path(command[command.index("infra.host") + 1])
    journal = folder / "journal"
    text = journal.read_text() if journal.exists() else ""
    return '"stage": "generate"' in text and not (folder / "record.json").exists()


@pytest.fixture
def hanging(begin: Begin, home: Path, launcher: list[str]) -> subprocess.Popen[str]:
    """A sweep whose run with ``sampling.max_tokens=5`` never ends."""
    return begin(*SWEEP, *launcher, "tracking=none", "isolation=fresh", TROUBLE="hang:generate:5")


def test_every_run_has_a_record_and_a_row(
    infra: Callable[..., Done], plugins: dict[str, str], home: Path, launcher: list[str]
) -> None:
    (home / "mine.jsonl").write_text('{"prompt": "a b c"}\n')
    command = (*SWEEP, *launcher, "prompts.file=mine.jsonl", "tracking=none")
    done = infra(*command, **plugins)
    assert done.code == 0, done.err
    assert by_tokens(home, "FINISHED") == [4, 5, 6, 7]
    assert sweep(done)["counts"]["finished"] == 4
    assert done.out.count("✓") == 4
    assert "metric" not in done.out, "workers show no tables"


def test_joblib_loses_no_run_in_the_local_store(
    infra: Callable[..., Done], plugins: dict[str, str], home: Path
) -> None:
    distribution, launcher = LAUNCHERS["joblib"]
    if not machine.versions((distribution,)):
        pytest.skip(f"{distribution} is not installed")
    done = infra(*SWEEP, *launcher, **plugins)
    assert done.code == 0, done.err
    assert "published" not in done.err, done.err
    parent, children = in_mlflow(home)
    assert parent.info.status == "FINISHED"
    assert len(children) == 4
    again = infra(*SWEEP, *launcher, "tracking=none", **plugins)
    assert sweep(again)["counts"]["done_before"] == 4
    assert len(records(home)) == 4


def test_a_launcher_is_not_bothered_where_all_is_done(
    infra: Callable[..., Done], home: Path, plugins: dict[str, str]
) -> None:
    distribution, (joblib, _) = LAUNCHERS["joblib"]
    if not machine.versions((distribution,)):
        pytest.skip(f"{distribution} is not installed")
    assert infra(*SWEEP, "tracking=none", **plugins).code == 0
    broken = "hydra.launcher.n_jobs=0"
    done = infra(*SWEEP, joblib, broken, "tracking=none", **plugins)
    assert "the launcher gave up" not in done.err


def in_mlflow(home: Path) -> tuple[Any, list[Any]]:
    """The one sweep of the local store, and its runs."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'runs' / 'mlflow.db'}")
    found = client.get_experiment_by_name("infra")
    assert found
    runs = list(client.search_runs([found.experiment_id]))
    (parent,) = [run for run in runs if "sweep_parent" in run.data.tags]
    belongs = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return parent, belongs


def test_a_killed_worker_is_a_failed_run(
    hanging: subprocess.Popen[str], infra: Callable[..., Done], plugins: dict[str, str],
    home: Path, launcher: list[str],
) -> None:  # fmt: skip
    worker = child_at_work(hanging, home).parent()
    assert worker
    worker.kill()
    done = ended(hanging)
    assert done.code == 1, done.err
    assert by_tokens(home, "FINISHED") == [4, 6, 7]
    (failed,) = [each for each in records(home) if each["status"] == "FAILED"]
    assert failed["cause"] == "its worker was killed in stage generate"
    assert sweep(done)["counts"]["failed"] == 1
    assert sweep(done)["status"] == "FAILED"
    done = infra(*SWEEP, *launcher, "tracking=none", "isolation=fresh", **plugins)
    assert done.code == 0, done.err
    assert by_tokens(home, "FINISHED") == [4, 5, 6, 7]


def test_a_killed_model_is_a_failed_run(hanging: subprocess.Popen[str], home: Path) -> None:
    child_at_work(hanging, home).kill()
    done = ended(hanging)
    assert done.code == 1, done.err
    (failed,) = [each for each in records(home) if each["status"] == "FAILED"]
    assert failed["cause"] == "the engine's process ended by SIGKILL in stage generate"
    assert sweep(done)["counts"]["finished"] == 3


def test_ctrl_c_leaves_a_record_of_each_run(
    hanging: subprocess.Popen[str], home: Path, launcher: list[str]
) -> None:
    if "submitit" in launcher[0]:
        pytest.skip("what submitit has submitted goes on without its parent")
    child_at_work(hanging, home)
    os.killpg(hanging.pid, signal.SIGINT)
    done = ended(hanging)
    assert done.code == 130, done.err
    assert by_tokens(home, "FINISHED") == [4, 6, 7]
    assert by_tokens(home, "KILLED") == [5]
    assert "to go on where this stopped" in done.err
    assert sweep(done)["status"] == "KILLED"
