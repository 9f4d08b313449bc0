"""Ctrl-C, SIGTERM and SIGHUP, held back until a moment that can take them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: the program's exit code after Ctrl-C
INTERRUPTED = 130


class Interrupts:
    """``with Interrupts() as interrupts``: a signal is a KeyboardInterrupt inside
    ``interrupts.allowed()`` and waits elsewhere, so that no child is lost while it is started and
    no record while it is written. What was ignored before (``nohup``) stays ignored. What came
    to an outer one counts in an inner one. A second Ctrl-C ends the program at once: what is not
    written yet is recovered from the journal."""

    presses = 0  #: of Ctrl-C, in this process

    def __init__(self) -> None:
        self.came = False  #: whether a signal came, heeded or not
        self._allowed = False

    def __enter__(self) -> Self:
        heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._take) for number in heeded}
        outer = (getattr(each, "__self__", None) for each in self._before.values())
        self.came = any(isinstance(each, Interrupts) and each.came for each in outer)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raises:
        KeyboardInterrupt: a signal came, now or before.
        """
        self._allowed = True
        try:
            if self.came:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        Interrupts.presses += number == signal.SIGINT
        if Interrupts.presses > 1:
            os._exit(INTERRUPTED)
        if self._allowed:
            raise KeyboardInterrupt
