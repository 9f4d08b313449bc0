"""One monotonic clock for parent and child, so that their times can be laid side by side."""

import time


class Clock:
    """Seconds since ``origin``, a reading of ``time.perf_counter`` in the parent.

    On Linux and macOS perf_counter is the system's monotonic clock, the same in all processes.
    """

    def __init__(self, origin: float | None = None) -> None:
        self.origin = time.perf_counter() if origin is None else origin

    def now(self) -> float:
        return time.perf_counter() - self.origin
