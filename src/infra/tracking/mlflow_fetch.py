"""Records from the tracking server: those of runs that wrote into another folder, on another
machine, put into this one as if they had run here."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from infra import record, runs
from infra.files import write_atomic
from infra.tracking.mlflow_store import Store
from infra.tracking.mlflow_sweep import MARK, TAG

if TYPE_CHECKING:
    from mlflow.entities import Run

#: what a run's folder must have to be read
WHOLE = (record.RECORD, record.GENERATIONS, runs.PLAN, runs.PROMPTS)
#: what some have besides
MORE = (record.ROUTING,)
#: a sweep's file; infra.sweeps imports us
SWEEPS, SWEEP = "sweeps", "sweep.json"


def runs_of(store: Store, root: Path, sweep: str | None = None) -> Iterator[str]:
    """Bring the finished runs of ``store``, or those of one ``sweep``, whose folder ``root`` lacks.

    Yields:
        The folder's name of each that came.

    Raises:
        MlflowException, OSError: the server or the disk does not do its part.
    """
    query = f"tags.sweep = '{sweep}'" if sweep else "tags.folder LIKE '%'"
    for run in _search(store, query):
        name = run.data.tags.get("folder", "")
        if _is_lacking(run, root, name) and _bring(run, root / name, WHOLE, store):
            yield name


def sweeps_of(store: Store, root: Path) -> Iterator[str]:
    """Bring the closed sweeps of ``store`` that ``root`` lacks; as ``runs_of``."""
    for run in _search(store, f"tags.{TAG} LIKE '%'"):
        name = run.data.tags[TAG]
        folder = root / SWEEPS
        folder.mkdir(exist_ok=True)
        if _is_lacking(run, folder, name) and _bring(run, folder / name, (SWEEP,), store):
            yield f"{SWEEPS}/{name}"


def _search(store: Store, query: str) -> "Iterator[Run]":
    token = None
    while True:
        page = store.client.search_runs([store.experiment], query, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _is_lacking(run: "Run", folder: Path, name: str) -> bool:
    """Whether ``run`` is over and ``folder`` does not have it; a name from the network has to stay
    inside ``folder``."""
    plain = bool(name) and not name.startswith(".") and Path(name).name == name
    return bool(run.info.end_time) and plain and not (folder / name).exists()


def _bring(run: "Run", folder: Path, files: tuple[str, ...], store: Store) -> bool:
    """All ``files`` of a run, or nothing; whether it has them all."""
    there = {file.path for file in store.client.list_artifacts(run.info.run_id)}
    if not there.issuperset(files):
        return False
    staged = Path(tempfile.mkdtemp(prefix=".fetched-", dir=folder.parent))
    try:
        for file in (*files, *there.intersection(MORE)):
            store.client.download_artifacts(run.info.run_id, file, str(staged))
        _complete(run, staged, store)
        staged.chmod(0o755)
        with suppress(FileExistsError):  # somebody else has brought it
            staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return True


def _complete(run: "Run", folder: Path, store: Store) -> None:
    """The files that are not published: what the child was told, and the mark of publication."""
    if (folder / record.RECORD).exists():
        data = json.loads((folder / record.RECORD).read_text())
        job = {"plan": data["plan"], "origin": 0.0, "started": data["started"]}
        write_atomic(folder / runs.JOB, json.dumps(job))
    mark = {"run_id": run.info.run_id, "uri": store.uri, "time": time.time(), "closed": True}
    write_atomic(folder / MARK, json.dumps(mark) + "\n")
