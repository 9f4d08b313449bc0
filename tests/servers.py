"""Servers that tests start: PostgreSQL in a folder of its own, and MLflow on a database."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.tracking.mlflow_store import ENVIRONMENT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all that it starts, ended by Ctrl-C, which PostgreSQL heeds at once."""
    process = subprocess.Popen([str(each) for each in command], start_new_session=True, **options)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """A new PostgreSQL cluster on loopback; gives the address of its database. The test is skipped
    where PostgreSQL or its driver is missing."""
    pytest.importorskip("psycopg")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed")
    # it refuses to run as root, and its user cannot enter a test's own folder
    whose: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
    whose = whose if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="infra-postgres-"))
    try:
        if whose:
            shutil.chown(folder, "postgres", "postgres")
        create = [
            programs[-1] / "initdb",
            "--no-sync",
            "-A",
            "trust",
            "-U",
            "infra",
            folder / "data",
        ]
        subprocess.run(
            [str(each) for each in create], check=True, capture_output=True, cwd=folder, **whose
        )
        port = free_port()
        serve = [programs[-1] / "postgres", "-D", folder / "data", "-k", folder, "-p", port]
        quick = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]
        said: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with running([*serve, *quick], cwd=folder, **said, **whose):
            _until_open(port)
            yield f"postgresql+psycopg://infra@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder)


@contextmanager
def mlflow_server(database: str, folder: Path) -> Iterator[str]:
    """An MLflow server that keeps its files in ``folder``; gives its address."""
    pytest.importorskip("flask")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database]
    command += ["--artifacts-destination", folder.as_uri(), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    with (folder / "server.log").open("wb") as log:
        environment = {**os.environ, **ENVIRONMENT}
        with running(command, stdout=log, stderr=log, env=environment, cwd=folder) as process:
            url = f"http://127.0.0.1:{port}"
            _until_healthy(process, url, folder / "server.log")
            yield url


def _until_open(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


def _until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1):  # noqa: S310  # our own address
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
