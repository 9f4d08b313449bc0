"""``infra sync``: publish finished runs that MLflow does not have yet."""

from infra import runs, tracking
from infra.console import Console
from infra.plan import Tracking


def main(arguments: list[str]) -> int:
    """Publish to the local store, or to ``infra sync http://server``."""
    console = Console()
    target = Tracking("server", arguments[0]) if arguments else Tracking("local")
    for folder in runs.unfinished():
        console.say(runs.recover(folder))
    for line in tracking.sync(runs.root(), target):
        console.say(line)
    return 0
