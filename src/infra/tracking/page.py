"""MLflow's own page on the runs of a folder."""

import socket
import sys
from pathlib import Path

from infra.errors import Refused
from infra.plan import Tracking
from infra.resources import machine
from infra.tracking import mlflow_store
from infra.tracking.publishing import opened
from infra.tracking.sentences import sentence


def ui_command(root: Path, tracking: Tracking) -> list[str]:
    """The command that serves MLflow's page on the store of ``root``, on loopback.

    Raises:
        Refused: the full MLflow is not installed, or the store is broken or not ours to serve.
    """
    if tracking.kind != "local":
        raise Refused(f"Only tracking=local is served here; open {tracking.uri} in a browser.")
    if not machine.versions(("mlflow",)):
        raise Refused("The page needs the full MLflow: pip install 'infra[ui]'")
    try:
        opened(tracking, root)
    except Exception as error:  # MLflow raises what its many parts raise
        raise Refused(f"MLflow's page cannot be served: {sentence(error)}.") from error
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
