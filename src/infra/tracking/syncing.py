"""What one side has and the other lacks: runs for MLflow, records for this disk."""

from collections.abc import Iterator
from pathlib import Path

from infra import record
from infra.errors import Refused
from infra.plan import Tracking
from infra.tracking import mlflow_fetch
from infra.tracking.choice import check
from infra.tracking.publishing import is_published, opened, publish
from infra.tracking.sentences import place, sentence


class Problem(str):
    """A line for people that says what did not work."""


def sync(root: Path, tracking: Tracking) -> Iterator[str]:
    """Publish every finished run of ``root`` that the store lacks, also one that was made with
    tracking=none or for another store: whoever asks for it wants all. Yields lines to print, a
    ``Problem`` for what could not be published.

    Raises:
        Refused: see ``tracking.check``; or there is no store, by choice.
    """
    check(tracking)
    if tracking.kind == "none":
        raise Refused("tracking=none has no store to publish to.")
    try:
        store = opened(tracking, root)
    except Exception as error:  # MLflow raises what its many parts raise
        yield Problem(f"Nothing was published to {place(tracking)}: {sentence(error)}.")
        return
    finished = [path.parent for path in sorted(root.glob(f"*/{record.RECORD}"))]
    missing = [folder for folder in finished if not is_published(folder, store)]
    for folder in missing:
        yield _catch_up(folder, tracking)
    yield f"{store.uri}: {len(finished) - len(missing)} of {len(finished)} runs were there before."


def _catch_up(folder: Path, tracking: Tracking) -> str:
    try:
        record.read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Problem(f"{folder.name}: its record cannot be read ({sentence(error)}).")
    problem = publish([folder], tracking)
    return Problem(problem) if problem else f"{folder.name}: published."


def fetch(root: Path, tracking: Tracking, sweep: str | None = None) -> Iterator[str]:
    """Bring the records that a server has and ``root`` lacks: those of one ``sweep``, or all of
    the experiment with its sweeps; yields lines to print, as ``sync``."""
    if tracking.kind != "server":
        return
    try:
        store = opened(tracking, root)
        if not sweep:
            yield from (f"{name}: fetched." for name in mlflow_fetch.sweeps_of(store, root))
        yield from (f"{name}: fetched." for name in mlflow_fetch.runs_of(store, root, sweep))
    except Exception as error:  # MLflow raises what its many parts raise
        yield Problem(f"Not all was fetched from {place(tracking)}: {sentence(error)}.")
