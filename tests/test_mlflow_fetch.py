"""Records of one runs/ folder, published, and brought into another one."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra import record, runs, tracking
from infra.plan import Tracking
from infra.tracking import mlflow_fetch, mlflow_store
from infra.tracking.mlflow_store import Store
from test_tracking import finished, folder_of

LOCAL = Tracking("local")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the runs ``a`` and ``b``; ``b`` belongs to the sweep ``s``."""
    root = tmp_path_factory.mktemp("published")
    assert tracking.prepare(LOCAL, root) is None
    alone = finished()
    swept = replace(alone, plan={**alone.plan, "sweep": "s"}, started=alone.started + 1)
    for name, each in (("a", alone), ("b", swept)):
        assert tracking.publish([folder_of(each, root, name)], LOCAL) is None
    return mlflow_store.open_store(LOCAL, root)


def test_a_fetched_run_is_as_one_that_ran_here(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFRA_RUNS", str(tmp_path))
    assert sorted(mlflow_fetch.runs_of(store, tmp_path)) == ["a", "b"]
    assert [folder.name for folder in runs.folders()] == ["a", "b"]
    assert record.read(tmp_path / "a").metrics == finished().metrics
    assert not list(runs.unfinished())
    mark = json.loads((tmp_path / "a" / tracking.MARK).read_text())
    assert mark["uri"] == store.uri, "it need not be published again"
    assert not list(mlflow_fetch.runs_of(store, tmp_path)), "nothing is brought twice"


def test_of_one_sweep_only_its_runs_come(store: Store, tmp_path: Path) -> None:
    assert list(mlflow_fetch.runs_of(store, tmp_path, "s")) == ["b"]


def test_a_run_that_is_here_is_left_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert list(mlflow_fetch.runs_of(store, tmp_path)) == ["b"]
    assert not list((tmp_path / "a").iterdir())


@pytest.mark.parametrize("name", ["", "..", "../x", "/x", ".mlflow.lock", "a/b"])
def test_a_name_from_the_network_stays_inside(name: str, tmp_path: Path) -> None:
    run: Any = SimpleNamespace(
        info=SimpleNamespace(end_time=1, run_id="r"), data=SimpleNamespace(tags={"folder": name})
    )
    client = SimpleNamespace(
        search_runs=lambda *_, **__: type("Page", (list,), {"token": None})([run]),
        list_artifacts=lambda _: pytest.fail("it was looked into"),
    )
    fake: Any = Store(client, "http://host", "0", 0.0)  # type: ignore[arg-type]  # as far as it is used
    assert not list(mlflow_fetch.runs_of(fake, tmp_path))


def test_a_run_without_all_its_files_does_not_come(store: Store, tmp_path: Path) -> None:
    (run,) = mlflow_fetch._search(store, "tags.folder = 'a'")
    assert not mlflow_fetch._bring(run, tmp_path / "a", ("record.json", "lost.txt"), store)
    assert not list(tmp_path.iterdir())
