"""MLflow kept quiet, local and quick: its environment, its database, its client."""

import contextlib
import functools
import importlib
import logging
import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from infra import interrupts
from infra.errors import Failed
from infra.plan import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE, ARTIFACTS, LOCK = "mlflow.db", "mlartifacts", ".mlflow.lock"
#: seconds to wait for another infra that publishes into the same folder
PATIENCE = 60
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # a dead server costs one timeout; with MLflow's retries it costs 40 s and more
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    # `mlflow server` starts seven more processes to run jobs that we have none of
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # our stdout is for the record's path
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # a pooled connection goes on writing to a database file that was replaced
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
}


@dataclass(frozen=True)
class Store:
    """An open store and the experiment in it."""

    client: "MlflowClient"
    uri: str
    experiment: str  #: MLflow's id of it
    since: float  #: Unix time of the experiment's creation


def import_mlflow(tracking: Tracking) -> None:
    """Import MLflow, telemetry off, its log lines silenced: what goes wrong is said once, by us.

    Raises:
        Failed: somebody asked to stop.
    """
    if not _imported(tracking.kind):
        raise Failed("somebody asked to stop while MLflow was imported")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def stopped(tracking: Tracking) -> bool:
    """Whether somebody asked to stop before MLflow was imported."""
    try:
        return not _imported(tracking.kind)
    except Exception:  # MLflow raises what its many parts raise; said by who needs it
        return False


@functools.cache
def _imported(kind: str) -> bool:
    """Whether a signal let it be imported, which takes seconds. What is half imported is not tried
    again, as libraries of it, such as numpy, cannot be imported twice."""
    os.environ.update(ENVIRONMENT)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    modules = ["mlflow", *["mlflow.store.tracking.sqlalchemy_store"] * (kind == "local")]
    return interrupts.completed(lambda: [importlib.import_module(each) for each in modules])


def lock(root: Path) -> FileLock:
    """Held while the store of ``root`` is created or written to; one infra at a time."""
    root.mkdir(parents=True, exist_ok=True)
    return FileLock(root / LOCK, timeout=PATIENCE)


def uri_of(tracking: Tracking, root: Path) -> str:
    """MLflow's address of the store.

    Raises:
        Failed: the path of ``root`` cannot be written as an SQLite address.
    """
    if tracking.uri:
        return tracking.uri.rstrip("/")
    if {"%", "?"} & set(str(root)):
        raise Failed(f"the path {root} has a % or ?, which MLflow's database addresses cannot hold")
    return f"sqlite:///{root / DATABASE}"


def create_database(root: Path) -> None:
    """Make ``root/mlflow.db`` if there is none; the caller holds the lock.

    MLflow's migrations wait for the disk at every step, so they run in memory where there is a
    file system for that, and the finished file is moved in.
    """
    if (root / DATABASE).exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415  # heavy

    with tempfile.TemporaryDirectory(prefix="infra-", dir=_memory_backed()) as folder:
        built = Path(folder) / DATABASE
        SqlAlchemyStore(f"sqlite:///{built}", (root / ARTIFACTS).as_uri())  # type: ignore[no-untyped-call]  # MLflow's
        _move_in(built, root / DATABASE)


def _move_in(built: Path, target: Path) -> None:
    """From another file system, so that ``target`` is there whole or not at all."""
    staged = target.with_name(f".{target.name}.new")
    try:
        shutil.copyfile(built, staged)
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        staged.replace(target)
    except OSError:
        staged.unlink(missing_ok=True)
        raise


def open_store(tracking: Tracking, root: Path) -> Store:
    """Connect, and make the experiment if there is none; the caller holds the lock.

    Raises:
        Failed: the local database is missing, broken or was moved; or see ``import_mlflow``.
        MlflowException: whatever else MLflow does not like.
    """
    import_mlflow(tracking)
    from mlflow import MlflowClient  # noqa: PLC0415  # heavy

    uri, artifacts = uri_of(tracking, root), None
    if tracking.kind == "local":
        _probe(root / DATABASE)
        artifacts = (root / ARTIFACTS).as_uri()
    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name(tracking.experiment)
    if experiment is None:
        made = client.create_experiment(tracking.experiment, artifact_location=artifacts)
        experiment = client.get_experiment(made)
    if artifacts and experiment.artifact_location != artifacts:
        raise Failed(
            f"{root / DATABASE} keeps its files in {experiment.artifact_location}: it was moved; "
            "delete it, and a new one is filled from the runs on disk"
        )
    since = (experiment.creation_time or 0) / 1000
    return Store(client, uri, experiment.experiment_id, since)


def _probe(database: Path) -> None:
    """Read the database's first page; MLflow takes 100 s to give up on a file it cannot open.

    Raises:
        Failed: it is missing or cannot be read.
    """
    if not database.exists():
        raise Failed(f"there is no {database}")
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as file:
            file.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise Failed(
            f"{database} cannot be used ({error}); move it away, and a new one is filled from the "
            "runs on disk"
        ) from error


def _memory_backed() -> str | None:
    """A folder in memory, if the system has one; else where temporary files go."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # a private folder is made in it
