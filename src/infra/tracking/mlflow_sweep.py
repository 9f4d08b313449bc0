"""A sweep as MLflow shows it: a parent run, whose children are the sweep's runs."""

import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from infra.files import write_atomic
from infra.tracking.mlflow_run import legal, milliseconds
from infra.tracking.mlflow_store import Store
from infra.types import Json

#: what the parent is found by; its children have the same in ``sweep``
TAG = "sweep_parent"
MARK = "published.json"
#: what MLflow takes in one batch; of metrics it takes more
TAGS = 100


def parent(folder: Path, store: Store) -> str | None:
    """The id of the sweep's run in ``store``, if it has one there."""
    try:
        mark = json.loads((folder / MARK).read_text())
        if mark["uri"] == store.uri and mark["time"] >= store.since:
            return str(mark["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = store.client.search_runs([store.experiment], f"tags.{TAG} = '{folder.name}'")
    return str(found[0].info.run_id) if found else None


def opened(folder: Path, data: dict[str, Json], store: Store) -> str:
    """The id of the sweep's run, made if there is none."""
    known = parent(folder, store)
    if known:
        return known
    tags = {
        "mlflow.source.name": "infra",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": f"`infra {' '.join(data['command'])}`",
        TAG: folder.name,
    }
    name = data["name"] or f"sweep of {', '.join(data['axes'])}"
    started = milliseconds(data["started"])
    run = str(store.client.create_run(store.experiment, started, tags, name).info.run_id)
    mark = {"run_id": run, "uri": store.uri, "time": time.time(), "closed": False}
    write_atomic(folder / MARK, json.dumps(mark) + "\n")
    return run


def close(folder: Path, data: dict[str, Json], best: dict[str, Any], store: Store) -> None:
    """Counts, the best runs of each metric and the sweep's files; then the run is over."""
    from mlflow.entities import Metric, RunTag  # noqa: PLC0415  # heavy

    run, end = opened(folder, data, store), milliseconds(data["ended"])
    _adopt(run, folder.name, store)
    values = {f"runs/{name}": float(count) for name, count in data["counts"].items()}
    values |= {legal(f"best/{name}"): value for name, (value, _) in best.items()}
    metrics = [Metric(name, value, end, 0) for name, value in values.items()]
    tags = [RunTag(legal(f"best/{name}"), where) for name, (_, where) in best.items()]
    for start in range(0, len(metrics), TAGS):
        some = slice(start, start + TAGS)
        store.client.log_batch(run, metrics[some], [], tags[some])
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith(".") and file.name != MARK:
            store.client.log_artifact(run, str(file))
    store.client.set_terminated(run, data["status"], end)
    mark = {"run_id": run, "uri": store.uri, "time": time.time(), "closed": True}
    write_atomic(folder / MARK, json.dumps(mark) + "\n")


def _adopt(run: str, sweep: str, store: Store) -> None:
    """Make runs that were published before their sweep its children."""
    for child in store.client.search_runs([store.experiment], f"tags.sweep = '{sweep}'"):
        if "mlflow.parentRunId" not in child.data.tags:
            store.client.set_tag(child.info.run_id, "mlflow.parentRunId", run)


def swept(folder: Path, key: tuple[str, int], shown: Collection[str]) -> dict[str, str]:
    """What the sweep in ``folder`` chose for its cell ``key``, an identity and a repeat, by the
    last word of the command line's keys, but for those that are ``shown``; nothing where sweep.json
    is on another machine."""
    try:
        data = json.loads((folder / "sweep.json").read_text())
    except (OSError, ValueError):
        return {}
    cells = (cell for cell in data["cells"] if (cell["identity"], cell["repeat"]) == key)
    pairs = (word.lstrip("+").split("=", 1) for cell in cells for word in cell["overrides"])
    return {
        axis.rpartition(".")[2]: value
        for axis, value in pairs
        if axis in data["axes"] and axis not in shown
    }


def is_closed(folder: Path, store: Store) -> bool:
    """Whether ``close`` was done in this store."""
    try:
        mark = json.loads((folder / MARK).read_text())
        return bool(mark["closed"] and mark["uri"] == store.uri and mark["time"] >= store.since)
    except (OSError, ValueError, KeyError, TypeError):
        return False
