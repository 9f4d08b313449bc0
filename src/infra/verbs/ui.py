"""``infra ui``: MLflow's page on the runs of this folder, on loopback, until Ctrl-C.

Further arguments go to ``mlflow server``: infra ui --port 5001. It needs the extra ``ui``.
"""

import os

from infra import runs, tracking
from infra.console import Console
from infra.plan import Tracking


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C or a signal: MLflow's server takes this process's place, so that none
    stays behind."""
    command = [*tracking.ui_command(runs.root(), Tracking("local")), *arguments]
    Console().say(" ".join(command))
    os.execv(command[0], command)  # noqa: S606  # a list of arguments needs no shell
