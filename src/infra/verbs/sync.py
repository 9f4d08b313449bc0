"""``infra sync``: publish finished runs that MLflow lacks, and fetch those that this disk lacks."""

from infra import runs, tracking
from infra.console import Console
from infra.errors import Refused
from infra.plan import Tracking
from infra.sweeps import closing
from infra.sweeps import folder as sweeps

FETCH = "--fetch"


def main(arguments: list[str]) -> int:
    """Publish to the local store, or to ``infra sync http://server``, whatever tracking a run was
    made with; with ``--fetch``, bring what the server has and this disk lacks.

    Returns:
        1 if something could not be published or fetched.
    """
    console = Console()
    servers = [each for each in arguments if each != FETCH]
    target = Tracking("server", servers[0]) if servers else Tracking("local")
    if FETCH in arguments and not servers:
        raise Refused(f"{FETCH} needs the address of a server: infra sync http://HOST:PORT {FETCH}")
    for folder in runs.unfinished():
        console.say(runs.recover(folder))
    closing.recover(console)
    told = [_say(line, console) for line in tracking.sync(runs.root(), target)]
    for folder in sweeps.folders():
        console.warn(problem := closing.publish(folder, target))
        told.append(problem is None)
    if FETCH in arguments:
        told += [_say(line, console) for line in tracking.fetch(runs.root(), target)]
    return int(not all(told))


def _say(line: str, console: Console) -> bool:
    """Show a line; whether it tells of no problem."""
    console.say(line)
    return not isinstance(line, tracking.Problem)
