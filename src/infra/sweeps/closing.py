"""The end of a sweep, also of one that was killed: what came of its cells, counted and kept."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

from infra import tracking
from infra.answers import choosing, report
from infra.answers.measured import comparable_key, comparable_words, kinds, mean, repeats
from infra.answers.selection import Row, everything, of_sweep
from infra.console import Console, counted
from infra.plan import Tracking
from infra.sweeps import folder as sweeps
from infra.sweeps.cells import DONE, DOUBLE, REFUSED
from infra.types import Json


def close(folder: Path, console: Console, *, told: bool = False) -> str:
    """Count, write, publish and show; gives the sweep's status.

    Args:
        told: it was said that the store cannot be reached.
    """
    data = sweeps.read(folder)
    store = Tracking(**data["tracking"])
    for line in tracking.fetch(folder.parents[1], store, folder.name):
        if not (told and isinstance(line, tracking.Problem)):
            console.say(line)
    data |= outcome(data, of_sweep(folder))
    sweeps.write(folder, data)
    problems = [tracking.publish(_runs(folder), store), publish(folder, store)]
    console.warn(None if told else next(filter(None, problems), None))
    console.say(sentence(data["counts"]))
    return str(data["status"])


def _runs(folder: Path) -> list[Path]:
    """The runs that a sweep asked for itself, also those that were tried again."""
    return [row.folder for row in everything() if row.data["plan"].get("sweep") == folder.name]


def publish(folder: Path, store: Tracking) -> str | None:
    """Close the sweep's parent run in ``store``, with a report where one can be drawn, if it has
    ended and that was not done before.

    Returns:
        A warning, or None.
    """
    data = sweeps.read(folder)
    if not data["ended"] or store.kind == "none":
        return None
    unsaid = None if tracking.stopped(store) else _reported(folder)
    return tracking.close_sweep(folder, data, best(of_sweep(folder)), store) or unsaid


def _reported(folder: Path) -> str | None:
    if report.available() and not (folder / report.REPORT).exists():
        try:
            report.write(folder)
        except Exception as error:  # a picture is not worth a sweep
            return f"No report could be made of {folder}: {error!r}."
    return None


def recover(console: Console) -> None:
    """Close the sweeps whose parent was killed."""
    for folder in unfinished():
        console.say(f"closed a sweep that was killed: {folder}")
        close(folder, console)


def unfinished() -> Iterator[Path]:
    """Sweeps that are not closed and that nobody leads."""
    for folder in sweeps.folders():
        if sweeps.read(folder)["status"] == "RUNNING":
            try:
                with sweeps.held(folder):
                    pass
            except filelock.Timeout:
                continue
            yield folder


def outcome(data: dict[str, Json], rows: Sequence[Row]) -> dict[str, Json]:
    """How a sweep ended, and its counts, from the records of its cells."""
    cells = [cell for cell in data["cells"] if cell["state"] != DOUBLE]
    ended = {row.cell: row.data["status"].lower() for row in rows}
    words = Counter(
        "refused"
        if cell["state"] == REFUSED
        else ended.get((cell["identity"], cell["repeat"]), "missing")
        for cell in cells
    )
    order = "finished", "failed", "refused", "killed", "missing"
    counts = {"runs": len(cells)} | {word: words[word] for word in order}
    counts["done_before"] = sum(cell["state"] == DONE for cell in cells)
    status = "KILLED" if words["killed"] or words["missing"] else "FAILED"
    status = "FINISHED" if words["finished"] == len(cells) else status
    return {"ended": time.time(), "status": status, "counts": counts}


def best(rows: Sequence[Row]) -> dict[str, tuple[float, str]]:
    """Metric -> its best mean over repeats and the runs that have it, as ``infra results --best``
    ranks them; of metrics that have a better side. Where not all runs can be ranked together, one
    for each group that can, such as ``decode_tps/hard-100``."""
    done = [row for row in rows if row.data["status"] == "FINISHED"]
    groups, found = comparable_words(done), {}
    for metric in (name for name, kind in kinds(done).items() if kind.better != "neither"):
        for runs in repeats(choosing.best(done, metric)):
            name = "/".join(filter(None, (metric, groups[comparable_key(runs[0])])))
            found[name] = mean(runs, metric) or 0.0, ", ".join(row.name for row in runs)
    return found


def sentence(counts: dict[str, int]) -> str:
    """The counts, for people.

    >>> sentence({"runs": 3, "finished": 2, "failed": 1, "killed": 0, "done_before": 1})
    '3 runs: 2 finished (1 of them before), 1 failed.'
    """
    before = f" ({n} of them before)" if (n := counts.get("done_before")) else ""
    parts = [
        f"{number} {word}{before if word == 'finished' else ''}"
        for word, number in counts.items()
        if number and word not in ("runs", "done_before")
    ]
    return f"{counted(counts['runs'], 'run')}: {', '.join(parts) or 'none ended'}."
