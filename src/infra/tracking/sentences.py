"""What went wrong with MLflow, as one line."""

import sqlite3
from collections.abc import Iterator

from infra.errors import InfraError
from infra.plan import Tracking


def place(tracking: Tracking) -> str:
    """Where runs go, as it was typed."""
    return tracking.uri or f"tracking={tracking.kind}"


def sentence(error: BaseException) -> str:
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
