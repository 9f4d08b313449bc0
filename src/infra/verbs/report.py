"""``infra report [SWEEP | RUNS]``: a page with the answers of a sweep, of the newest without one.

Runs may be chosen as for ``infra results``: parts of names, ``key=value``.
"""

from infra import runs
from infra.answers import report
from infra.answers.selection import select
from infra.console import Console
from infra.errors import Refused
from infra.sweeps import folder as sweeps


def main(arguments: list[str]) -> int:
    """Write the page; its path is the last line on stdout."""
    options = [word for word in arguments if word.startswith("-")]
    if options:
        raise Refused(f"report takes a sweep, or runs, and no options such as {options[0]!r}.")
    runs.recover_all(Console().say)
    words = arguments or (["sweep"] if sweeps.folders() else [])
    if len(words) == 1 and (words[0] == "sweep" or sweeps.matching(words[0])):
        print(report.write(sweeps.find(words[0])))
        return 0
    rows = select(words)
    if not rows:
        none = "There is no run to report on: python -m infra makes one."
        raise Refused(f"No run fits {' '.join(words)}." if words else none)
    print(report.write_rows(" ".join(words) or "all runs", rows))
    return 0
