"""The pause between runs, with a clock and a piece of work of our own."""

from collections.abc import Iterable

import pytest

from infra.conditions import cooldown
from infra.conditions.cooldown import Cooldown
from infra.errors import Refused


class Machine:
    """Takes so long for each measurement, the last one for all that follow."""

    def __init__(self, takes: Iterable[float] = ()) -> None:
        self.time, self.takes, self.calls, self.said = 0.0, list(takes), 0, list[str]()

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def work(self) -> float:
        self.calls += 1
        measurement = (self.calls - 1) // (cooldown.PIECES + 1)
        return self.takes[min(measurement, len(self.takes) - 1)]

    def cooldown(self, seconds: float | None) -> Cooldown:
        return Cooldown(seconds, self.work, self.sleep, lambda: self.time)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("500ms", 0.5), ("2min", 120), ("5", 5), ("0", 0), ("1.5 s", 1.5), ("auto", None)],
)
def test_times_as_people_write_them(text: str, seconds: float | None) -> None:
    assert Cooldown.parse(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5 h", "s", "nan", "inf", "5s5s", "Auto"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=f"cooldown={text} is no time: write 5s, .* or auto"):
        Cooldown.parse(text)


def test_so_many_seconds_before_each_run_but_the_first() -> None:
    machine = Machine()
    pause = machine.cooldown(5)
    assert [pause.wait(machine.said.append) for _ in range(3)] == [None] * 3
    assert (machine.time, machine.calls, machine.said) == (10, 0, [])


def test_a_machine_as_fast_as_at_first_is_not_waited_for() -> None:
    machine = Machine([0.050, 0.0514, 0.030])
    pause = machine.cooldown(None)
    assert [pause.wait(machine.said.append) for _ in range(3)] == [None] * 3
    assert (machine.time, machine.said) == (0, [])


def test_a_slower_one_is_waited_for() -> None:
    machine = Machine([0.050, 0.060, 0.055, 0.051])
    pause = machine.cooldown(None)
    pause.wait(machine.said.append)
    assert pause.wait(machine.said.append) is None
    assert machine.time == 2 * cooldown.PAUSE
    assert machine.said == ["waiting: this machine is 20% slower than before the first run"]


def test_one_that_stays_slow_is_given_up() -> None:
    machine = Machine([0.050, 0.060])
    pause = machine.cooldown(None)
    pause.wait(machine.said.append)
    sentence = pause.wait(machine.said.append)
    assert sentence == (
        "cooldown=auto gave up after 182 s: a calibration took 20% longer than the 50.0 ms "
        "before the first run"
    )
    assert cooldown.LONGEST < machine.time <= cooldown.LONGEST + cooldown.PAUSE


def test_one_slow_piece_of_work_decides_nothing() -> None:
    pieces = iter([9, 1, 1, 1, 1, 1, 9, 1, 7, 1, 8, 1])
    pause = Cooldown(None, lambda: next(pieces), lambda seconds: pytest.fail("waited"))
    assert [pause.wait(pytest.fail) for _ in range(2)] == [None, None]


def test_it_can_be_interrupted() -> None:
    def press(seconds: float) -> None:
        raise KeyboardInterrupt

    pause = Cooldown(5, sleep=press)
    pause.wait(pytest.fail)
    with pytest.raises(KeyboardInterrupt):
        pause.wait(pytest.fail)


def test_the_real_work_takes_time() -> None:
    assert cooldown.work() > 0
