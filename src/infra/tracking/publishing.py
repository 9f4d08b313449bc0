"""One finished run, sent to MLflow."""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from infra import record
from infra.experts import heatmap
from infra.files import write_atomic
from infra.plan import Tracking
from infra.tracking import mlflow_run, mlflow_spans, mlflow_store, mlflow_sweep
from infra.tracking.mlflow_store import Store
from infra.tracking.sentences import place, sentence
from infra.types import Record

MARK = "published.json"
FILES = (record.RECORD, "plan.yaml", record.GENERATIONS, "prompts.jsonl", record.ROUTING)


def prepare(tracking: Tracking, root: Path) -> str | None:
    """Import MLflow and make the local database, while the child imports its engine.

    Args:
        root: the folder of all runs, an absolute path.

    Returns:
        A warning, or None; also where somebody asked to stop, of which ``publish`` will tell. A
        server is not asked yet.
    """
    if tracking.kind == "none" or mlflow_store.stopped(tracking):
        return None
    try:
        if tracking.kind == "local":
            opened(tracking, root)
        else:
            mlflow_store.import_mlflow(tracking)
    except Exception as error:  # MLflow raises what its many parts raise
        return f"The run will not be published to {place(tracking)}: {sentence(error)}."
    return None


def opened(tracking: Tracking, root: Path) -> Store:
    """The store that was chosen; the local database is made where there is none."""
    mlflow_store.import_mlflow(tracking)
    with mlflow_store.lock(root):
        if tracking.kind == "local":
            mlflow_store.create_database(root)
        return mlflow_store.open_store(tracking, root)


def publish(folders: Sequence[Path], tracking: Tracking) -> str | None:
    """Send finished runs to MLflow, one after the other, and mark their folders; what is marked
    already stays.

    Returns:
        A warning, or None.
    """
    if tracking.kind == "none" or not folders:
        return None
    sent = 0
    try:
        with mlflow_store.lock(folders[0].parent):
            store = mlflow_store.open_store(tracking, folders[0].parent)
            for folder in folders:
                if not is_published(folder, store):
                    _publish(record.read(folder), folder, store)
                sent += 1
    except Exception as error:  # MLflow raises what its many parts raise
        return _unsent(folders[sent:], f"published to {place(tracking)}: {sentence(error)}.")
    return None


def _unsent(folders: Sequence[Path], told: str) -> str:
    later = "`infra sync` publishes"
    if len(folders) == 1:
        return f"The run was not {told} It is safe in {folders[0]}; {later} it later."
    where = folders[0].parent
    return f"{len(folders)} runs were not {told} They are safe in {where}; {later} them later."


def is_published(folder: Path, store: Store) -> bool:
    """Whether a folder is marked as sent; a mark counts if it names this store and is younger
    than the experiment in it, which is made anew with a lost database."""
    try:
        mark = json.loads((folder / MARK).read_text())
        return bool(mark["uri"] == store.uri and mark["time"] >= store.since)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _publish(found: Record, folder: Path, store: Store) -> None:
    run = _there_already(found, folder, store) or _send(found, folder, store)
    mark = {"run_id": run, "uri": store.uri, "time": time.time()}
    write_atomic(folder / MARK, json.dumps(mark) + "\n")


def _there_already(found: Record, folder: Path, store: Store) -> str | None:
    """The run's id, if all of it got through before; what broke off half-way is deleted."""
    query = (
        f"tags.folder = '{folder.name}' and "
        f"attributes.start_time = {mlflow_run.milliseconds(found.started)}"
    )
    for run in store.client.search_runs([store.experiment], query):
        if run.info.end_time:
            return str(run.info.run_id)
        store.client.delete_run(run.info.run_id)
    return None


def _send(found: Record, folder: Path, store: Store) -> str:
    """All of the run; its end comes last, and says that nothing is missing."""
    from mlflow.entities import Param  # noqa: PLC0415  # heavy

    client = store.client
    tags = mlflow_run.tags(found, folder.name)
    params = mlflow_run.params(found, _swept(found, folder))
    tags |= _belonging(found, folder, store)
    start, end = (mlflow_run.milliseconds(t) for t in (found.started, mlflow_run.ended(found)))
    run = client.create_run(store.experiment, start, tags, mlflow_run.name(found)).info.run_id
    metrics = mlflow_run.metrics(found, taken=len(params))
    client.log_batch(run, metrics, [Param(key, value) for key, value in params.items()])
    with tempfile.TemporaryDirectory(prefix="infra-") as staged:
        _stage(found, folder, Path(staged))
        client.log_artifacts(run, staged)
    _send_spans(found, folder, store, run)
    client.set_terminated(run, found.status, end)
    return str(run)


def _swept(found: Record, folder: Path) -> dict[str, str]:
    if not found.plan["sweep"]:
        return {}
    sweep = folder.parent / "sweeps" / found.plan["sweep"]
    key = found.plan.get("cell") or found.identity, found.plan["repeat"]
    return mlflow_sweep.swept(sweep, key, mlflow_run.SHOWN)


def _stage(found: Record, folder: Path, staged: Path) -> None:
    """All files of the run in one folder, as each call asks the store where files go."""
    for file in FILES:
        if (folder / file).exists():
            (staged / file).symlink_to(folder / file)
    (staged / "environment.txt").write_text(mlflow_run.environment(found))
    if found.routing:
        (staged / "routing.svg").write_text(heatmap.svg(found.routing))


def _belonging(found: Record, folder: Path, store: Store) -> dict[str, str]:
    """The tags of a run that is part of a sweep."""
    if not found.plan["sweep"]:
        return {}
    sweep = folder.parent / "sweeps" / found.plan["sweep"]
    parent = mlflow_sweep.parent(sweep, store)
    return {"sweep": sweep.name} | ({"mlflow.parentRunId": parent} if parent else {})


def _send_spans(found: Record, folder: Path, store: Store, run: str) -> None:
    from mlflow.tracing.client import TracingClient  # noqa: PLC0415  # heavy

    traces = mlflow_spans.traces(found, folder.name)
    spans = [span for trace in traces for span in trace.spans]
    # one request for all; MlflowClient.start_span makes one for each span
    TracingClient(store.uri).log_spans(store.experiment, spans)
    store.client.link_traces_to_run([trace.id for trace in traces], run)
