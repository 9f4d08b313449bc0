"""Tracking with MLflow: one call after the run. Whatever goes wrong is a sentence, not an error;
the record on disk is complete without it, and ``sync`` publishes later what is missing."""

import json
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from infra import record
from infra.errors import InfraError, Refused, nearest
from infra.experts import heatmap
from infra.files import write_atomic
from infra.plan import Tracking
from infra.resources import machine
from infra.tracking import mlflow_fetch, mlflow_run, mlflow_spans, mlflow_store, mlflow_sweep
from infra.tracking.mlflow_store import Store
from infra.types import Json, Record

MARK = "published.json"
FILES = (record.RECORD, "plan.yaml", record.GENERATIONS, "prompts.jsonl", record.ROUTING)
KINDS = ("none", "local", "server")


class Problem(str):
    """A line for people that says what did not work."""


def check(tracking: Tracking) -> None:
    """What can be said before anything runs.

    Raises:
        Refused: no such kind, or an address that is missing, malformed or out of place.
    """
    if tracking.kind not in KINDS:
        raise Refused(f"No tracking is called {tracking.kind!r}. {nearest(tracking.kind, KINDS)}")
    if tracking.kind != "server":
        if tracking.uri:
            raise Refused(f"tracking.uri={tracking.uri} belongs to tracking=server.")
        return
    address = urlsplit(tracking.uri or "")
    if address.scheme not in ("http", "https") or not address.netloc:
        given = f", not {tracking.uri!r}" if tracking.uri else ""
        raise Refused(
            f"tracking=server needs the address of an MLflow server{given}: "
            "tracking.uri=http://127.0.0.1:5000"
        )
    if "@" in address.netloc:
        raise Refused(
            "tracking.uri must not hold a password, which would be kept in plan.yaml: set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )


def prepare(tracking: Tracking, root: Path) -> str | None:
    """Import MLflow and make the local database, while the child imports its engine.

    Args:
        root: the folder of all runs, an absolute path.

    Returns:
        A warning, or None. A server is not asked yet.
    """
    if tracking.kind == "none":
        return None
    try:
        _prepare(tracking, root)
    except Exception as error:  # MLflow raises what its many parts raise
        return f"The run will not be published to {_place(tracking)}: {_sentence(error)}."
    return None


def _prepare(tracking: Tracking, root: Path) -> None:
    mlflow_store.import_mlflow()
    if tracking.kind == "local":
        with mlflow_store.lock(root):
            mlflow_store.create_database(root)
            mlflow_store.open_store(tracking, root)


def publish(record: Record, folder: Path, tracking: Tracking) -> str | None:
    """Send a finished run to MLflow and mark its folder; does nothing if that was done before.

    Returns:
        A warning, or None.
    """
    if tracking.kind == "none":
        return None
    try:
        with mlflow_store.lock(folder.parent):
            store = mlflow_store.open_store(tracking, folder.parent)
            if not _is_published(folder, store):
                _publish(record, folder, store)
    except Exception as error:  # MLflow raises what its many parts raise
        return (
            f"The run was not published to {_place(tracking)}: {_sentence(error)}. "
            f"It is safe in {folder}; `infra sync` publishes it later."
        )
    return None


def sync(root: Path, tracking: Tracking) -> Iterator[str]:
    """Publish every finished run of ``root`` that the store lacks, also one that was made with
    tracking=none or for another store: whoever asks for it wants all. Yields lines to print, a
    ``Problem`` for what could not be published.

    Raises:
        Refused: see ``check``; or there is no store, by choice.
    """
    check(tracking)
    if tracking.kind == "none":
        raise Refused("tracking=none has no store to publish to.")
    try:
        _prepare(tracking, root)
        with mlflow_store.lock(root):
            store = mlflow_store.open_store(tracking, root)
    except Exception as error:  # MLflow raises what its many parts raise
        yield Problem(f"Nothing was published to {_place(tracking)}: {_sentence(error)}.")
        return
    finished = [path.parent for path in sorted(root.glob(f"*/{record.RECORD}"))]
    missing = [folder for folder in finished if not _is_published(folder, store)]
    for folder in missing:
        yield _catch_up(folder, tracking)
    yield f"{store.uri}: {len(finished) - len(missing)} of {len(finished)} runs were there before."


def _catch_up(folder: Path, tracking: Tracking) -> str:
    try:
        found = record.read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Problem(f"{folder.name}: its record cannot be read ({_sentence(error)}).")
    problem = publish(found, folder, tracking)
    return Problem(problem) if problem else f"{folder.name}: published."


def fetch(root: Path, tracking: Tracking, sweep: str | None = None) -> Iterator[str]:
    """Bring the records that a server has and ``root`` lacks: those of one ``sweep``, or all of
    the experiment with its sweeps; yields lines to print, as ``sync``."""
    if tracking.kind != "server":
        return
    try:
        _prepare(tracking, root)
        with mlflow_store.lock(root):
            store = mlflow_store.open_store(tracking, root)
        if not sweep:
            yield from (f"{name}: fetched." for name in mlflow_fetch.sweeps_of(store, root))
        yield from (f"{name}: fetched." for name in mlflow_fetch.runs_of(store, root, sweep))
    except Exception as error:  # MLflow raises what its many parts raise
        yield Problem(f"Not all was fetched from {_place(tracking)}: {_sentence(error)}.")


def open_sweep(folder: Path, data: dict[str, Json], tracking: Tracking) -> str | None:
    """Make the parent run of a sweep's runs.

    Returns:
        A warning, or None.
    """
    root = folder.parents[1]
    if tracking.kind == "none" or (problem := prepare(tracking, root)):
        return None if tracking.kind == "none" else problem
    try:
        with mlflow_store.lock(root):
            mlflow_sweep.opened(folder, data, mlflow_store.open_store(tracking, root))
    except Exception as error:  # MLflow raises what its many parts raise
        return f"The sweep will not be published to {_place(tracking)}: {_sentence(error)}."
    return None


def close_sweep(
    folder: Path, data: dict[str, Json], best: dict[str, tuple[float, str]], tracking: Tracking
) -> str | None:
    """Close the parent run, with the counts, ``best`` (metric -> value, run) and all files of
    ``folder``; does nothing if that was done before.

    Returns:
        A warning, or None.
    """
    if tracking.kind == "none":
        return None
    root = folder.parents[1]
    try:
        with mlflow_store.lock(root):
            store = mlflow_store.open_store(tracking, root)
            if not mlflow_sweep.is_closed(folder, store):
                mlflow_sweep.close(folder, data, best, store)
    except Exception as error:  # MLflow raises what its many parts raise
        return (
            f"The sweep was not published to {_place(tracking)}: {_sentence(error)}. "
            f"It is safe in {folder}; `infra sync` publishes it later."
        )
    return None


def ui_command(root: Path, tracking: Tracking) -> list[str]:
    """The command that serves MLflow's page on the store of ``root``, on loopback.

    Raises:
        Refused: the full MLflow is not installed, or the store is not ours to serve.
    """
    if tracking.kind != "local":
        raise Refused(f"Only tracking=local is served here; open {tracking.uri} in a browser.")
    if not machine.versions(("mlflow",)):
        raise Refused("The page needs the full MLflow: pip install 'infra[ui]'")
    if problem := prepare(tracking, root):
        raise Refused(problem)
    store = ["--backend-store-uri", mlflow_store.uri_of(tracking, root)]
    artifacts = ["--artifacts-destination", (root / mlflow_store.ARTIFACTS).as_uri()]
    address = ["--host", "127.0.0.1", "--port", str(_free_port(5000)), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "server", *store, *artifacts, *address]


def _is_published(folder: Path, store: Store) -> bool:
    """A mark counts if it names this store and is younger than the experiment in it, which is
    made anew with a lost database."""
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
    tags, params = mlflow_run.tags(found, folder.name), mlflow_run.params(found)
    tags |= _belonging(found, folder, store)
    start, end = (mlflow_run.milliseconds(t) for t in (found.started, mlflow_run.ended(found)))
    run = client.create_run(store.experiment, start, tags, mlflow_run.name(found)).info.run_id
    metrics = mlflow_run.metrics(found, taken=len(params))
    client.log_batch(run, metrics, [Param(key, value) for key, value in params.items()])
    for file in FILES:
        if (folder / file).exists():
            client.log_artifact(run, str(folder / file))
    client.log_text(run, mlflow_run.environment(found), "environment.txt")
    if found.routing:
        client.log_text(run, heatmap.svg(found.routing), "routing.svg")
    _send_spans(found, folder, store, run)
    client.set_terminated(run, found.status, end)
    return str(run)


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


def _place(tracking: Tracking) -> str:
    return tracking.uri or f"tracking={tracking.kind}"


def _sentence(error: BaseException) -> str:
    """One line: what the system said, if that is at the bottom of it, else the error itself."""
    ours = isinstance(error, InfraError)
    found = error if ours else next((e for e in _chain(error) if _is_systems(e)), error)
    text = str(found).partition("\n")[0][:300].rstrip(". ")
    known = ours or _is_systems(found) or type(found).__module__.startswith("mlflow")
    return text if known else f"{type(found).__name__}: {text}"


def _is_systems(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) or (isinstance(error, OSError) and bool(error.strerror))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
