"""A report: one HTML file on a sweep, or on any runs, that needs no network and no other file."""

from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from infra import runs
from infra.answers.selection import Row
from infra.errors import Refused
from infra.files import write_atomic

REPORT = "report.html"
#: what draws, in the extra ``report``
NEEDED = "matplotlib"


def available() -> bool:
    """Whether the library that draws is installed."""
    return find_spec(NEEDED) is not None


def write(sweep_folder: Path) -> Path:
    """The report of a sweep, in the sweep's folder.

    Raises:
        Refused: the library that draws is missing, or sweep.json cannot be read.
    """
    _check()
    from infra.answers.report import page, study  # noqa: PLC0415  # 0.2 s, and extras

    path = sweep_folder / REPORT
    write_atomic(path, page.rendered(study.of_folder(sweep_folder)))
    return path


def write_rows(title: str, rows: Sequence[Row]) -> Path:
    """The report of any runs, in the folder of all runs.

    Raises:
        Refused: the library that draws is missing.
    """
    _check()
    from infra.answers.report import page, study  # noqa: PLC0415  # as above

    path = runs.root() / f"report-{datetime.now():%Y%m%d-%H%M%S}.html"
    write_atomic(path, page.rendered(study.of_rows(title, rows)))
    return path


def _check() -> None:
    if not available():
        raise Refused(f"A report needs {NEEDED}: pip install 'infra[report]'.")
