"""``infra ui``: MLflow's page on the runs of this folder."""

import subprocess

from infra import runs, tracking
from infra.console import Console
from infra.plan import Tracking


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C; further arguments go to ``mlflow server`` (``--port 5001``)."""
    command = [*tracking.ui_command(runs.root(), Tracking("local")), *arguments]
    Console().say(" ".join(command))
    return subprocess.call(command)
