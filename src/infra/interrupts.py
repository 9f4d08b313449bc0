"""Ctrl-C, SIGTERM and SIGHUP, held back until a moment that can take them."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: the program's exit code after Ctrl-C
INTERRUPTED = 130


class Interrupts:
    """``with Interrupts() as interrupts``: a signal is a KeyboardInterrupt inside
    ``interrupts.allowed()`` and waits elsewhere, so that no child is lost while it is started and
    no record while it is written. What was ignored before (``nohup``) stays ignored. What came
    to an outer one counts in an inner one, and the other way round. A second Ctrl-C ends the
    program at once: what is not written yet is recovered from the journal."""

    presses = 0  #: of Ctrl-C, in this process

    def __init__(self) -> None:
        self.came = False  #: whether a signal came, heeded or not
        self._allowed = False

    def __enter__(self) -> Self:
        heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._take) for number in heeded}
        self._around = _bound(self._before.values())
        self.came = any(each.came for each in self._around)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for each in self._around:
            each.came |= self.came

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raises:
        KeyboardInterrupt: a signal came, now or before.
        """
        before, self._allowed = self._allowed, True
        try:
            if self.came:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = before

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        Interrupts.presses += number == signal.SIGINT
        if Interrupts.presses > 1:
            os._exit(INTERRUPTED)
        if self._allowed:
            raise KeyboardInterrupt


def completed(work: Callable[[], object]) -> bool:
    """Do what takes long and can be done without: a signal ends it, also one that an ``Interrupts``
    around holds back, and then it is not done."""
    around = _bound(signal.getsignal(each) for each in SIGNALS)
    if not around:
        work()
        return True
    with suppress(KeyboardInterrupt), around[0].allowed():
        work()
    exec("")  # noqa: S102  # a broken off exec has Python end by SIGINT, until there is another
    return not around[0].came


def _bound(handlers: Iterable[object]) -> list[Interrupts]:
    found = (getattr(each, "__self__", None) for each in handlers)
    return [each for each in found if isinstance(each, Interrupts)]
