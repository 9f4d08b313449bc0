"""Limits of memory: read from text, set in cgroups of both versions, refused where they cannot."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from conftest import GGUF, Done
from infra import experiment, testing
from infra.conditions import cgroups
from infra.errors import Failed, Refused
from infra.resources import limits

LIMIT = 100_000_000
GREEDY = """
from infra import hookimpl
from infra_plugins.echo import Echo

class Greedy(Echo):
    def load(self, plan):
        held = [bytearray(b"x") * 2**20 for _ in range(600)]  # written, so really taken
        return super().load(plan)

@hookimpl
def infra_backends():
    return {"greedy": Greedy()}
"""


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("700MB", 700_000_000),
        ("700mb", 700_000_000),
        ("1.5 GiB", 1_610_612_736),
        ("8G", 8_000_000_000),
        ("64MiB", 67_108_864),
        ("123456789", 123_456_789),
    ],
)
def test_an_amount_is_read(text: str, size: int) -> None:
    assert limits.parse(text) == size


@pytest.mark.parametrize("text", ["", "lots", "8 apples", "-1GB", "1e9", "0", "1MB", "GB"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"limits\.memory"):
        limits.parse(text)


class Kernel:
    """The files that a kernel makes in each new group, in a folder that is none of its own."""

    def __init__(self, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[Path] = []
        mkdir, rmdir = Path.mkdir, Path.rmdir

        def making(path: Path, *args: Any, **kwargs: Any) -> None:
            mkdir(path, *args, **kwargs)
            self.made.append(path)
            for name in names:
                (path / name).write_text("")

        def removing(path: Path) -> None:
            for file in path.iterdir():
                file.unlink()
            rmdir(path)

        monkeypatch.setattr(Path, "mkdir", making)
        monkeypatch.setattr(Path, "rmdir", removing)


@pytest.fixture
def around(tmp_path: Path) -> Path:
    """A group of version 2 that gives the memory controller to its children."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    (tmp_path / "cgroup.subtree_control").write_text("memory")
    (tmp_path / "cgroup.procs").write_text("")
    return tmp_path


def test_version_2_is_limited_with_its_swap(around: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(("memory.max", "memory.swap.max", "cgroup.procs", "memory.events"), monkeypatch)
    group = limits.Group(LIMIT, [around])
    assert (group.folder / "memory.max").read_text() == str(LIMIT)
    assert (group.folder / "memory.swap.max").read_text() == "0"
    (group.folder / "memory.events").write_text("oom 1\noom_kill 2\n")
    group.remove()
    assert (group.killed, group.folder.exists()) == (2, False)


def test_version_1_is_limited_with_its_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cgroup.procs"
    Kernel(names, monkeypatch)
    group = limits.Group(LIMIT, [tmp_path])
    assert [(group.folder / name).read_text() for name in names[:2]] == [str(LIMIT)] * 2
    group.remove()
    assert not group.folder.exists()


def test_a_group_of_version_2_with_processes_moves_them_aside(
    around: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (around / "cgroup.subtree_control").write_text("")
    (around / "cgroup.procs").write_text("12345\n")
    Kernel(("memory.max", "cgroup.procs"), monkeypatch)
    group = limits.Group(LIMIT, [around])
    aside = around / f"infra-{os.getpid()}-main"
    assert (aside / "cgroup.procs").read_text() == "12345"
    assert group.folder.parent == around
    assert group.folder != aside


def test_a_group_that_takes_no_limit_is_refused_and_left_nowhere(
    around: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel(("cgroup.procs",), monkeypatch)
    with pytest.raises(Refused, match="systemd-run --user --scope"):
        limits.Group(LIMIT, [around])
    assert kernel.made
    assert not any(path.exists() for path in kernel.made)


def test_what_a_killed_infra_left_is_removed(around: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(("memory.max", "cgroup.procs"), monkeypatch)
    gone = next(pid for pid in range(2**21, 2**22) if not psutil.pid_exists(pid))
    left, other = around / f"infra-{gone}-0", around / f"infra-{os.getpid()}-99"
    left.mkdir()
    other.mkdir()
    limits.Group(LIMIT, [around])
    assert (left.exists(), other.exists()) == (False, True)


def test_a_system_without_groups_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="control groups"):
        limits.Group(LIMIT, [])


def test_what_is_free_is_the_least_of_machine_and_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = SimpleNamespace(available=10**12)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    monkeypatch.setattr(cgroups, "folders", lambda _: [tmp_path])
    assert limits.available() == 10**12
    (tmp_path / "memory.max").write_text(str(LIMIT))
    (tmp_path / "memory.current").write_text("60000000")
    (tmp_path / "memory.stat").write_text("anon 1\nactive_file 5000000\ninactive_file 15000000\n")
    assert limits.available() == LIMIT - 40_000_000
    with pytest.raises(Failed, match="are in effect"):
        limits.verify(2 * LIMIT)
    limits.verify(LIMIT)


@pytest.fixture
def real(home: Path) -> Iterator[None]:
    """Skips where no group can be made; checks that no new one is left."""
    try:
        limits.check(LIMIT)
    except Refused as error:
        pytest.skip(str(error))
    before = left_over()
    yield
    assert left_over() <= before


def left_over() -> set[Path]:
    """Groups whose infra is gone."""
    found = [
        each for place in cgroups.folders("memory")[:2] for each in place.glob("infra-[0-9]*-*")
    ]
    return {each for each in found if not psutil.pid_exists(int(each.name.split("-")[1]))}


@pytest.mark.usefixtures("real")
def test_a_run_that_needs_more_is_killed_and_says_so(
    infra: Callable[..., Done], home: Path
) -> None:
    (home / "plugins").mkdir()
    (home / "plugins" / "greedy.py").write_text(GREEDY)
    done = infra(
        "-m", "backend=greedy,echo", "prompt=a b", "tracking=none", "limits.memory=300MB",
        INFRA_PLUGINS=str(home / "plugins"),
    )  # fmt: skip
    assert done.code == 1, done.err
    folders = home.glob("runs/2*/record.json")
    records = {row["plan"]["backend"]: row for row in map(json.loads, map(Path.read_text, folders))}
    assert records["echo"]["status"] == "FINISHED"
    assert records["echo"]["plan"]["memory"] == 300_000_000
    assert "limits.memory=300,000,000 bytes" in records["greedy"]["cause"]
    assert "SIGKILL in stage load" in records["greedy"]["cause"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("limits.memory=1GB", "isolation=none"), "isolation=none"),
        (("limits.memory=1GB", "cache=warm"), "cache=warm"),
        (("limits.memory=much",), "no amount of memory"),
        (("preflight=perhaps",), "preflight=perhaps"),
        (("experts.residency=disk",), "experts.residency=disk"),
        (("experts.io_threads=0",), "io_threads"),
        (("experts.pin=-1",), "experts.pin"),
        (("experts.pin=5",), "experts.residency=stream"),
    ],
)
def test_what_cannot_be_is_refused(
    infra: Callable[..., Done], arguments: tuple[str, ...], said: str
) -> None:
    done = infra("backend=echo", "tracking=none", "prompt=hi", *arguments)
    assert (done.code, said in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ((50e9, 50.5e9), ""),
        ((), ""),
        ((5e9, 12e9), "7.0 GB were read from the disk, and its weights have 0.0"),
    ],
)
def test_a_run_that_took_too_long_says_if_it_read_the_same_again(
    read: tuple[float, ...], said: str
) -> None:
    rows = [{"t": 0.1}, *({"t": 1.0, "read": each} for each in read), {"t": 2.0}]
    child: Any = SimpleNamespace(samples=SimpleNamespace(rows=rows))
    found = experiment._paged(testing.plan_for(GGUF, "llama_cpp"), child)
    assert (said in found) if said else not found
