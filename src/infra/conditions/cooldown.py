"""The pause before the runs of a sweep after the first: ``cooldown=5s``, or ``auto``."""

import hashlib
import re
import statistics
import time
from collections.abc import Callable
from typing import Self

from infra.errors import Refused

SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "min": 60.0}
#: how much slower than at first the calibration may be
TOLERANCE = 0.03
#: seconds after which ``auto`` gives up
LONGEST = 180.0
#: seconds between two looks
PAUSE = 2.0
#: pieces of work of which the median counts
PIECES = 5


def work() -> float:
    """Seconds that a fixed piece of work takes: SHA-256 of 64 MiB, some 50 ms of one CPU."""
    block, digest, start = bytes(1 << 20), hashlib.sha256(), time.perf_counter()
    for _ in range(64):
        digest.update(block)
    return time.perf_counter() - start


class Cooldown:
    """Waits for so many seconds or, without any, until the machine is as fast as at first."""

    def __init__(
        self,
        seconds: float | None,
        work: Callable[[], float] = work,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._work, self._sleep, self._now = work, sleep, now
        self._first: float | None = None  #: seconds that the work took before the first run

    @classmethod
    def parse(cls, text: str) -> Self:
        """``5s``, ``500ms``, ``2min``, ``5`` (seconds) or ``auto``.

        Raises:
            Refused: it is none of them.
        """
        if text == "auto":
            return cls(None)
        found = re.fullmatch(r"(\d+(?:\.\d+)?) *(ms|s|min|)", text)
        if not found:
            raise Refused(f"cooldown={text} is no time: write 5s, 500ms, 2min or auto.")
        return cls(float(found[1]) * SECONDS[found[2]])

    def wait(self, say: Callable[[str], None]) -> str | None:
        """Call it before each run; before the first it takes the measure, and does not wait.

        Returns:
            A sentence if the machine was still slower when it gave up.

        Raises:
            KeyboardInterrupt: somebody asked to stop.
        """
        if self._first is None:
            self._first = self._measure() if self.seconds is None else 0.0
        elif self.seconds is None:
            return self._until_cool(self._first, say)
        else:
            self._sleep(self.seconds)
        return None

    def _until_cool(self, first: float, say: Callable[[str], None]) -> str | None:
        start, slower = self._now(), self._measure() / first - 1
        if slower > TOLERANCE:
            say(f"waiting: this machine is {slower:.0%} slower than before the first run")
        while slower > TOLERANCE:
            if self._now() - start > LONGEST:
                return (
                    f"cooldown=auto gave up after {self._now() - start:.0f} s: a calibration took "
                    f"{slower:.0%} longer than the {1000 * first:.1f} ms before the first run"
                )
            self._sleep(PAUSE)
            slower = self._measure() / first - 1
        return None

    def _measure(self) -> float:
        self._work()  # a CPU that was idle needs a moment to reach its frequency
        return statistics.median(self._work() for _ in range(PIECES))
