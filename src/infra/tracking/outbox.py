"""Finished runs on their way to MLflow. A run of its own is sent at once. Those of a sweep wait for
each other, as what is sent between two runs of one engine is time that the sweep loses: they go
while the next engine is imported, or once the first has waited long enough, or at the end, and only
then once the store failed."""

import time
from collections.abc import Callable
from pathlib import Path

from infra.plan import Tracking
from infra.tracking.publishing import prepare, publish

#: as ``publishing.prepare``
Prepare = Callable[[Tracking, Path], str | None]


class Outbox:
    """What one process has to send."""

    def __init__(self, patience: float = 0.0, prepare: Prepare = prepare) -> None:
        """Args:
        patience: seconds that a run may wait for others.
        prepare: what is done once, before anything is sent; gives a warning, or None.
        """
        self.patience, self._prepare = patience, prepare
        self.failed = False  #: whether those of a sweep could not be sent, which was said
        self._waiting: list[Path] = []
        self._since = 0.0
        self._ready = False

    def meanwhile(self, tracking: Tracking, root: Path) -> str | None:
        """What can be done while an engine is imported; gives a warning, or None."""
        problem = None if self._ready else self._prepare(tracking, root)
        self._ready = True
        return self._noted(problem) or self.send(tracking)

    def take(self, folder: Path, tracking: Tracking) -> str | None:
        """A run has ended; gives a warning, or None."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(folder)
        waited = time.monotonic() - self._since
        return self.send(tracking) if waited >= self.patience else None

    def send(self, tracking: Tracking) -> str | None:
        """Publish all that waits; gives a warning, or None."""
        if self.failed:
            return None
        waiting, self._waiting = self._waiting, []
        return self._noted(publish(waiting, tracking))

    def _noted(self, problem: str | None) -> str | None:
        self.failed |= bool(problem and self.patience)
        return problem
