"""``infra show [RUN]``: one run as its record tells it: answers, metrics, facts, stages.

RUN is ``last`` (also without one), or any part of a run's name that no other run has.
"""

from infra import record, runs
from infra.console import Console
from infra.errors import Refused


def main(arguments: list[str]) -> int:
    """Print answers, metrics, facts and stages of a run (``last``, or part of its name)."""
    if len(arguments) > 1:
        raise Refused("show takes one run: python -m infra show RUN (or: last).")
    console = Console()
    runs.recover_all(console.say)
    folder = runs.find(arguments[0] if arguments else "last")
    if folder in runs.running():
        raise Refused(f"{folder.name} is still running: its record comes at its end.")
    try:
        found = record.read(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{folder} has no record that can be read: {error}") from error
    console.finish(found)
    for key, value in (vars(found.facts) if found.facts else {}).items():
        console.out.print(f"{key:<18} {value}")
    for stage in found.stages:
        console.out.print(f"{stage.name:<18} {stage.seconds:.3f} s")
    console.out.print(f"{'parser':<18} {found.parser}")
    if found.cause:
        console.out.print(f"{found.status}: {found.cause}")
    print(folder / record.RECORD)
    return 0
