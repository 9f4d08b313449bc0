"""The child process: runs one folder after another, and keeps the engine between them.

    python -m infra.host runs/FOLDER BELL

Its parent says ``go`` on stdin, once the engine is imported, and later the next folder; closing
stdin ends it. ``BELL`` is the descriptor of a pipe where it rings whenever the parent should look.
"""

import ctypes
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from infra.clock import Clock
from infra.conditions import oom
from infra.errors import InfraError, Refused
from infra.journal import Journal
from infra.pipeline import Pipeline
from infra.plan import Plan, from_json
from infra.prompts import read
from infra.protocols import Engine
from infra.resources import limits
from infra.types import Prompt

JOB = "job.json"
#: what a process of its own prints
LOG = "child.log"


class Orders:
    """What the parent says, a line at a time. The process ends when the parent does, which closes
    stdin."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> str:
        """Wait for the next line."""
        return self._lines.get()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._lines.put(line.rstrip("\n"))
        os._exit(1)


class Host:
    """The engine of this process, once a run has loaded it."""

    def __init__(self, bell: int, next_order: Callable[[], str]) -> None:
        self.bell, self.next_order = bell, next_order
        self.engine: Engine | None = None
        self.loaded_by = ""

    def serve(self, folder: Path) -> bool:
        """One run; whether its engine may serve another."""
        job = json.loads((folder / JOB).read_text())
        journal = Journal(folder, self.ring)
        try:
            plan, prompts = from_json(job["plan"]), read(folder / "prompts.jsonl")
            self.run(plan, prompts, journal, Clock(job["origin"]), folder.name)
        except Refused as error:
            journal.write("refused", message=str(error))
        except InfraError as error:
            journal.write("failed", message=str(error))
        except Exception as error:  # an engine may raise anything; the parent tells
            traceback.print_exc()
            said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
            details = LOG if (folder / LOG).exists() else "standard error"
            journal.write("failed", message=f"{said} (details: {details})")
        else:
            journal.write("done")
            return plan.isolation == "reuse"
        return False

    def run(
        self, plan: Plan, prompts: list[Prompt], journal: Journal, clock: Clock, name: str
    ) -> None:
        """All stages; the model is loaded if it is not there yet.

        Raises:
            Failed: the limit of memory is not in effect; what ``Pipeline`` raises.
        """
        if plan.memory:
            limits.verify(plan.memory)
        pipeline = Pipeline(plan, prompts, journal, clock)
        if self.engine:
            pipeline.reopen(self.engine, self.loaded_by, self.next_order)
        else:
            self.engine, self.loaded_by = pipeline.open(self.next_order), name
        pipeline.run(self.engine)

    def ring(self) -> None:
        """Make the parent look at the journal."""
        os.write(self.bell, b"!")


def die_with_parent() -> None:
    """Ask Linux to kill us when the parent dies, even inside a call that holds the GIL."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def log_to(folder: Path) -> None:
    """Send what this process and its libraries print to the run's own child.log."""
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)


def main(folder: Path, bell: int) -> None:
    """The child's program; the journal says all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    oom.volunteer()
    os.set_inheritable(bell, False)
    orders = Orders()
    host = Host(bell, orders.next)
    while host.serve(folder):
        folder = Path(orders.next())
        log_to(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stderr.flush()
    os._exit(0)  # all is in the journal; no engine is waited for while it cleans up
