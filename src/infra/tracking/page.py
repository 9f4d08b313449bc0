"""MLflow's own page on the runs of a folder."""

import socket
import sys
from pathlib import Path

from infra.errors import Refused
from infra.plan import Tracking
from infra.resources import machine
from infra.tracking import mlflow_store
from infra.tracking.publishing import prepare


def ui_command(root: Path, tracking: Tracking) -> list[str]:
    """The command that serves MLflow's page on the store of ``root``, on loopback.

    Raises:
        Refused: the full MLflow is not installed, or the store is not ours to serve.
    """
    if tracking.kind != "local":
        raise Refused(f"Only tracking=local is served here; open {tracking.uri} in a browser.")
    if not machine.versions(("mlflow",)):
        raise Refused("The page needs the full MLflow: pip install 'infra[ui]'")
    if problem := prepare(tracking, root):
        raise Refused(problem)
    store = ["--backend-store-uri", mlflow_store.uri_of(tracking, root)]
    artifacts = ["--artifacts-destination", (root / mlflow_store.ARTIFACTS).as_uri()]
    address = ["--host", "127.0.0.1", "--port", str(_free_port(5000)), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "server", *store, *artifacts, *address]


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
