"""A run whose cgroup is too small for it: the kernel kills the child, and the record says so."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.conditions import cgroups, oom

LIMIT = 400 * 1024**2
GREEDY = """
from infra import hookimpl
from infra_plugins.echo import Echo

class Greedy(Echo):
    def load(self, plan):
        held = [bytearray(b"x") * 2**20 for _ in range(1024)]  # written, so really taken
        return super().load(plan)

@hookimpl
def infra_backends():
    return {"greedy": Greedy()}
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup with a limit of memory, below or beside that of this process."""
    for around in cgroups.folders("memory")[:2]:
        folder = around / f"infra-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if limits(folder):
            yield folder
            folder.rmdir()
            return
        folder.rmdir()
    pytest.skip("no memory cgroup can be made here")


def limits(folder: Path) -> bool:
    """Set what the kernel has of these, memory before swap; whether there is any."""
    names = ("memory.max", "memory.limit_in_bytes")
    swap = {"memory.swap.max": 0, "memory.memsw.limit_in_bytes": LIMIT}
    found = [name for name in names if (folder / name).exists()]
    for name in found:
        (folder / name).write_text(str(LIMIT))
    for name, value in swap.items():
        if (folder / name).exists():
            (folder / name).write_text(str(value))
    return bool(found)


def inside(cgroup: Path, home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run ``python -m infra`` with all its processes in ``cgroup``."""
    enter = f'echo $$ > {cgroup / "cgroup.procs"} && exec "$@"'
    return subprocess.run(
        ["sh", "-c", enter, "sh", sys.executable, "-m", "infra", "tracking=none", *arguments],
        capture_output=True, text=True, cwd=home, timeout=120, check=False,
        env={**os.environ, "INFRA_PLUGINS": str(home / "plugins")},
    )  # fmt: skip


@pytest.fixture
def plugins(home: Path) -> None:
    (home / "plugins").mkdir()
    (home / "plugins" / "greedy.py").write_text(GREEDY)


@pytest.mark.usefixtures("plugins")
def test_the_record_says_that_memory_ran_out(cgroup: Path, home: Path) -> None:
    done = inside(cgroup, home, "backend=greedy", "prompt=a b")
    assert done.returncode == 1, done.stderr
    record = json.loads(Path(done.stdout.strip().splitlines()[-1]).read_text())
    assert record["status"] == "FAILED"
    assert "SIGKILL in stage load" in record["cause"]
    assert "lack of memory" in record["cause"]


@pytest.mark.usefixtures("plugins")
def test_a_sweep_goes_on_after_it(cgroup: Path, home: Path) -> None:
    done = inside(cgroup, home, "-m", "backend=greedy,echo", "prompt=a b")
    assert done.returncode == 1, done.stderr
    records = [json.loads(file.read_text()) for file in home.glob("runs/2*/record.json")]
    ends = {record["plan"]["backend"]: record["status"] for record in records}
    assert ends == {"greedy": "FAILED", "echo": "FINISHED"}


def test_a_child_is_killed_before_its_parent(cgroup: Path, home: Path) -> None:
    """The child offers itself, though its parent holds more."""
    half, more = LIMIT // 2, LIMIT * 2
    parent = (
        f"held = bytearray(b'x') * {half}; import subprocess, sys; "
        "print(subprocess.run([sys.executable, '-c', sys.argv[1]]).returncode, len(held))"
    )
    child = f"from infra.conditions import oom; oom.volunteer(); bytearray(b'x') * {more}"
    enter = f'echo $$ > {cgroup / "cgroup.procs"} && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", enter, "sh", sys.executable, "-c", parent, child],
        capture_output=True, text=True, timeout=60, check=False, cwd=home,
    )  # fmt: skip
    assert done.stdout == f"-9 {half}\n"


def test_nothing_is_counted_while_nothing_is_killed() -> None:
    before = oom.kills()
    assert subprocess.run([sys.executable, "-c", ""], check=True).returncode == 0
    assert oom.kills() == before
