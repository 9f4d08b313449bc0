"""``infra sync [http://SERVER] [--fetch]``: publish finished runs that MLflow lacks.

They go to the local store, or to the server, whatever tracking they were made with; with
``--fetch``, what the server has and this disk lacks is brought here too. Runs that were cut off
get their records first. It exits with 1 if something could not be published or fetched.
"""

from infra import runs, tracking
from infra.console import Console
from infra.errors import Refused
from infra.plan import Tracking
from infra.sweeps import closing
from infra.sweeps import folder as sweeps
from infra.verbs.options import Options

FETCH = "--fetch"


def main(arguments: list[str]) -> int:
    """Print a line for each run that is sent or brought."""
    console, options = Console(), Options("sync")
    options.add_argument("server", nargs="?")
    options.add_argument(FETCH, action="store_true")
    asked = options.read(arguments)
    target = Tracking("server", asked.server) if asked.server else Tracking("local")
    if asked.fetch and not asked.server:
        raise Refused(f"{FETCH} needs the address of a server: infra sync http://HOST:PORT {FETCH}")
    tracking.check(target)
    runs.recover_all(console.say)
    closing.recover(console)
    told = [_say(line, console) for line in tracking.sync(runs.root(), target)]
    for folder in sweeps.folders():
        console.warn(problem := closing.publish(folder, target))
        told.append(problem is None)
    if asked.fetch:
        told += [_say(line, console) for line in tracking.fetch(runs.root(), target)]
    return int(not all(told))


def _say(line: str, console: Console) -> bool:
    """Show a line; whether it tells of no problem."""
    console.say(line)
    return not isinstance(line, tracking.Problem)
