"""What all tests share: a runs/ folder and a cache of their own, and infra as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.plugins import bundled
from trouble import PLUGIN

TINY = bundled("plugins") / "tiny_moe"
GGUF = TINY / "weights" / "tiny-moe-f16.gguf"


#: starts ``python -m infra`` with these arguments, and variables, and leaves it running
Begin = Callable[..., subprocess.Popen[str]]

#: modules that run whole engines; they come last
SLOW = """
    test_oom test_sweep test_sweep_tracking test_cluster_launchers test_cluster_servers
    test_survival test_sweep_survival test_ablations test_engines_run test_constraint_run
    test_tiny_moe test_agreement
""".split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first."""
    items.sort(key=lambda item: SLOW.index(item.path.stem) if item.path.stem in SLOW else -1)


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        """The record whose path is the last line on stdout."""
        path = Path(self.out.strip().splitlines()[-1])
        data: dict[str, Any] = json.loads(path.read_text())
        return data

    @property
    def generations(self) -> list[dict[str, Any]]:
        """The lines of generations.jsonl, without the warm-up's."""
        lines = (self.folder / "generations.jsonl").read_text().splitlines()
        return [row for row in map(json.loads, lines) if row["phase"] == "generate"]

    @property
    def folder(self) -> Path:
        return Path(self.out.strip().splitlines()[-1]).parent


def ended(process: subprocess.Popen[str]) -> Done:
    """What a command that was left running has become."""
    out, err = process.communicate(timeout=240)
    return Done(process.returncode, out, err)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with its own runs/; the cache is shared by the session."""
    monkeypatch.setenv("INFRA_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("INFRA_PLUGINS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["INFRA_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def infra(home: Path) -> Callable[..., Done]:
    """Run ``python -m infra`` with these arguments in ``home``."""

    def run(*arguments: str, **environment: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "infra", *arguments],
            capture_output=True, text=True, cwd=home, env={**os.environ, **environment},
            timeout=300, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def plugins(home: Path) -> dict[str, str]:
    """Variables that make ``backend=troubled`` known."""
    folder = home / "plugins"
    folder.mkdir()
    (folder / "troubled.py").write_text(PLUGIN)
    return {"INFRA_PLUGINS": str(folder)}


@pytest.fixture
def begin(home: Path, plugins: dict[str, str]) -> Iterator[Begin]:
    """Start ``python -m infra`` and leave it running; whatever stays is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home,
            env={**os.environ, **plugins, **variables}, process_group=0,
        )  # fmt: skip
        started.append(process)
        return process

    # tests may run in the background of a shell, which makes its jobs ignore Ctrl-C
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield run
    signal.signal(signal.SIGINT, before)
    for process in started:
        process.kill()
        process.communicate()
