"""Counters of the machine: real ones grow as they should, and a system may lack any of them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from infra.conditions import cgroups, counters

WORK = "import time\nwhile time.process_time() < 0.5: pass"


def test_work_of_a_child_is_ours_dead_or_alive() -> None:
    before = counters.read()
    subprocess.run([sys.executable, "-c", WORK], check=True)
    ended = counters.read()
    assert ended.ours - before.ours > 0.4  # ticks of 10 ms are rounded down
    script = f"{WORK}\nprint('done', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        alive = counters.read()
        child.communicate(b"\n")
    assert alive.ours - ended.ours > 0.4
    assert alive.ours <= counters.read().ours


def test_work_of_strangers_is_not_ours() -> None:
    """One whose parent has ended belongs to no one here; it ends when its pipe does."""
    start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
    script = f"{WORK}\nprint('done', flush=True)"
    before = counters.read()
    with subprocess.Popen(
        [sys.executable, "-c", start, script], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "done\n"
    after = counters.read()
    foreign = after.busy - before.busy - (after.ours - before.ours)
    assert foreign > 0.4  # whole ticks of 10 ms are counted


def test_only_usable_cpus_count(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [psutil.cpu_times()._replace(user=user, nice=0, system=0) for user in (1, 10, 100)]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: times)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2}, raising=False)
    assert (counters.read().cpus, counters.read().busy) == ((0, 2), 101)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 7}, raising=False)
    assert (counters.read().cpus, counters.read().busy) == ((0, 1, 2), 111)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert counters.read().cpus == (0, 1, 2)


def test_heat_and_frequency_are_read_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "CPUS", tmp_path)
    assert (counters.read().overheated, counters.read().frequency_limit) == (0, 0)
    for cpu in (0, 1):
        heat, policy = tmp_path / f"cpu{cpu}/thermal_throttle", tmp_path / f"cpufreq/policy{cpu}"
        heat.mkdir(parents=True)
        policy.mkdir(parents=True)
        (heat / "core_throttle_count").write_text("3\n")
        (heat / "core_throttle_total_time_ms").write_text("999\n")
        (policy / "scaling_max_freq").write_text(f"{2000000 + cpu * 1000000}\n")
    (tmp_path / "cpu1/thermal_throttle/package_throttle_count").write_text("no number\n")
    assert (counters.read().overheated, counters.read().frequency_limit) == (6, 2500)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("nr_throttled 2\nthrottled_usec 1500000\n", 1.5),
        ("nr_throttled 2\nthrottled_time 1500000000\n", 1.5),
        ("usage_usec 8\n", 0),
    ],
)
def test_quotas_of_both_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for folder in (tmp_path, inner):
        (folder / "cpu.stat").write_text(text)
    monkeypatch.setattr(cgroups, "folders", lambda controller: [inner, tmp_path])
    found = counters.read()
    assert (found.stopped, found.stopped_seconds) == (4 if seconds else 0, 2 * seconds)


def test_time_goes_on() -> None:
    first = counters.read()
    time.sleep(0.01)
    second = counters.read()
    assert second.time > first.time
    assert second.busy >= first.busy
