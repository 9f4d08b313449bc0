"""Signals that are held back, and what does not wait for them."""

import signal

from infra.interrupts import Interrupts, completed


def test_a_signal_ends_what_can_be_done_without_and_all_around_know_of_it() -> None:
    done: list[int] = []

    def work() -> None:
        signal.raise_signal(signal.SIGTERM)
        done.append(1)

    with Interrupts() as outer:
        assert completed(lambda: None)
        with Interrupts() as inner:
            signal.raise_signal(signal.SIGTERM)
            assert inner.came
            assert not completed(work)
        assert outer.came
    with Interrupts():
        assert not completed(work)
    assert not done
