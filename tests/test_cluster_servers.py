"""Ray workers that publish to one MLflow server over HTTP, on SQLite and on PostgreSQL."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Done
from servers import mlflow_server, postgresql

ABLATION = (
    "-m", "backend=llama_cpp", "load.threads=1", "experts.active=1,2", "sampling.max_tokens=40,48",
    "prompts.limit=2", "hydra/launcher=ray", "hydra.launcher.workers=2", "tracking=server",
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, home: Path) -> Iterator[str]:
    """The address of an MLflow server."""
    pytest.importorskip("ray")
    pytest.importorskip("llama_cpp")
    folder = home / "server"
    folder.mkdir()
    if request.param == "sqlite":
        with mlflow_server(f"sqlite:///{folder}/mlflow.db", folder) as url:
            yield url
    else:
        with postgresql() as database, mlflow_server(database, folder) as url:
            yield url


def runs_on(url: str) -> tuple[Any, list[Any]]:
    """The one sweep on a server, and its runs."""
    from mlflow import MlflowClient

    client = MlflowClient(url)
    found = client.get_experiment_by_name("infra")
    assert found
    runs = list(client.search_runs([found.experiment_id]))
    (parent,) = [run for run in runs if "sweep_parent" in run.data.tags]
    others = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in others} == {parent.info.run_id}
    return parent, others


def choices(root: Path) -> list[tuple[int, int]]:
    """K and the longest answer of each finished run in a runs/ folder."""
    found = [json.loads(path.read_text()) for path in root.glob("*/record.json")]
    assert {each["status"] for each in found} == {"FINISHED"}
    return sorted(
        (each["facts"]["effective_k"], each["plan"]["sampling"]["max_tokens"]) for each in found
    )


ALL = [(1, 40), (1, 48), (2, 40), (2, 48)]


def test_two_workers_lose_no_run(infra: Callable[..., Done], server: str, home: Path) -> None:
    """Their records are in a folder of their own, and come through the server."""
    elsewhere, third = home / "elsewhere", home / "third"
    done = infra(*ABLATION, f"tracking.uri={server}", f"hydra.launcher.runs={elsewhere}")
    assert done.code == 0, done.err
    assert "published" not in done.err, done.err
    assert choices(elsewhere) == ALL
    assert choices(home / "runs") == ALL, "fetched"
    assert done.err.count("fetched.") == 4
    data = json.loads(Path(done.out.splitlines()[-1]).read_text())
    assert data["counts"]["finished"] == 4
    parent, others = runs_on(server)
    assert parent.info.status == "FINISHED"
    assert len(others) == 4
    assert {run.info.status for run in others} == {"FINISHED"}

    synced = infra("sync", server, "--fetch", INFRA_RUNS=str(third))
    assert synced.code == 0, synced.err
    assert choices(third) == ALL
    assert infra("results", "sweep", INFRA_RUNS=str(third)).code == 0


def test_a_fetch_needs_a_server(infra: Callable[..., Done]) -> None:
    done = infra("sync", "--fetch")
    assert done.code == 2
    assert "infra sync http://HOST:PORT --fetch" in done.err
