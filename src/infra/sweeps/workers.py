"""Runs that a launcher gives to other processes: their rows as their records appear in runs/, and a
record for those whose worker died."""

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra import record, runs, tracking
from infra.console import Console
from infra.experiment import Outcome
from infra.plan import Tracking
from infra.sweeps.progress import Progress

#: seconds between two looks at runs/
TICK = 1.0
#: seconds that workers get to write their records after Ctrl-C
PATIENCE = 10.0


@contextmanager
def followed(sweep: str, progress: Progress, console: Console) -> Iterator[None]:
    """While the runs of ``sweep`` (its folder's name) are launched: a row for each that ends. A
    launcher that raises has lost a worker; the runs that it still has are waited for."""
    watch, stopped = Watch(sweep, progress), False
    watch.start()
    try:
        yield
    except KeyboardInterrupt:
        stopped = True
        settle(sweep, PATIENCE)
        raise
    except Exception as error:  # whatever a launcher makes of a worker that died
        said = str(error).strip().partition("\n")[0]
        console.say(f"infra: the launcher gave up: {type(error).__name__}: {said}")
        settle(sweep, math.inf)
    finally:
        watch.stop()
        recover(sweep, stopped, console)
        watch.look()


class Watch(threading.Thread):
    """Looks at runs/ every second, and shows the runs of one sweep that have ended."""

    def __init__(self, sweep: str, progress: Progress) -> None:
        super().__init__(daemon=True)
        self.sweep, self.progress = sweep, progress
        self._seen = {folder.name for folder in runs.folders()}
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(TICK):
            self.look()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()

    def look(self) -> None:
        """A row for each run that has ended since the last look."""
        for folder in runs.folders():
            path = folder / record.RECORD
            if folder.name in self._seen or not path.exists():
                continue
            self._seen.add(folder.name)
            if _is_of(folder, self.sweep):
                self.progress.add(Outcome(record.read(folder), path, False))


def settle(sweep: str, patience: float) -> None:
    """Wait until no process works at a run of ``sweep``, at most ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(_is_of(folder, sweep) for folder in runs.running()):
        time.sleep(TICK / 4)


def recover(sweep: str, stopped: bool, console: Console) -> None:
    """The record of each run of ``sweep`` whose worker is gone; they failed, unless somebody has
    ``stopped`` the sweep."""
    for folder in [each for each in runs.unfinished() if _is_of(each, sweep)]:
        console.say(
            runs.recover(folder) if stopped else runs.recover(folder, "FAILED", "its worker")
        )
        if (folder / record.RECORD).exists():
            found = record.read(folder)
            console.warn(tracking.publish([folder], Tracking(**found.plan["tracking"])))


def _is_of(folder: Path, sweep: str) -> bool:
    job = json.loads((folder / runs.JOB).read_text())
    return bool(job["plan"].get("sweep") == sweep)
