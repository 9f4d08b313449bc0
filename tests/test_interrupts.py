"""infra.interrupts: signals that come when nothing may be cut in the middle."""

import signal
import threading

import pytest

from infra.interrupts import Interrupts, held


def test_a_signal_waits_until_the_block_is_left() -> None:
    reached: list[str] = []

    def work() -> None:
        with interrupts.allowed():
            with held():
                signal.raise_signal(signal.SIGTERM)
                reached.append("the end of the block")
            reached.append("what follows")

    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the end of the block"]
    assert interrupts.came


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_has_no_signals_to_hold() -> None:
    reached: list[str] = []

    def work() -> None:
        with held():
            reached.append("the block")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert reached == ["the block"]
