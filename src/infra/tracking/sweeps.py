"""The run above the runs of a sweep."""

from pathlib import Path

from infra.plan import Tracking
from infra.tracking import mlflow_store, mlflow_sweep
from infra.tracking.publishing import prepare
from infra.tracking.sentences import place, sentence
from infra.types import Json


def open_sweep(folder: Path, data: dict[str, Json], tracking: Tracking) -> str | None:
    """Make the parent run of a sweep's runs.

    Returns:
        A warning, or None.
    """
    root = folder.parents[1]
    if tracking.kind == "none":
        return None
    if (problem := prepare(tracking, root)) or mlflow_store.stopped(tracking):
        return problem
    try:
        with mlflow_store.lock(root):
            mlflow_sweep.opened(folder, data, mlflow_store.open_store(tracking, root))
    except Exception as error:  # MLflow raises what its many parts raise
        return (
            f"The sweep will not be published to {place(tracking)}: {sentence(error)}. It is tried "
            "again at the end; what is missing then, `infra sync` publishes later."
        )
    return None


def close_sweep(
    folder: Path, data: dict[str, Json], best: dict[str, tuple[float, str]], tracking: Tracking
) -> str | None:
    """Close the parent run, with the counts, ``best`` (metric -> value, runs) and all files of
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
            f"The sweep was not published to {place(tracking)}: {sentence(error)}. "
            f"It is safe in {folder}; `infra sync` publishes it later."
        )
    return None
