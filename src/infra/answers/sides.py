"""The two sides of a comparison: runs of one configuration each, from this disk or from a file."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from infra.answers import answered
from infra.answers.answered import Answer
from infra.answers.measured import Kind
from infra.answers.selection import Row, axes, select
from infra.answers.written import word
from infra.console import counted
from infra.errors import Refused
from infra.files import write_atomic
from infra.types import Json

#: the word between two selections
BETWEEN = "vs"
#: keys that may vary within one configuration
FREE = {"repeat", "name"}
#: endings of an exported file
EXPORTED = (".jsonl", ".json")
#: what makes such a file
WRITERS = "infra gate --save FILE and infra results --jsonl write files of runs."
#: parts of record.json that are long and that no comparison needs
LEFT_OUT = {"samples"}


class Run(NamedTuple):
    """A finished run and its answers."""

    name: str
    data: Mapping[str, Json]  #: record.json
    axes: Mapping[str, Json]
    answers: Sequence[Answer]

    def metric(self, name: str) -> float | None:
        """A metric's recorded value."""
        found = self.data["metrics"].get(name)
        return None if found is None else float(found["value"])


@dataclass(frozen=True)
class Side:
    """The repeats of one configuration, in the order of their repeat index."""

    name: str  #: ``A``, ``B``, ``the baseline`` or ``the candidate``
    runs: tuple[Run, ...]
    failed: int  #: runs that were selected and did not finish

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Unit and direction of each metric that any of its runs has."""
        return {
            name: Kind(measure["unit"], measure["better"])
            for run in self.runs
            for name, measure in run.data["metrics"].items()
        }

    @cached_property
    def prompts(self) -> list[dict[str, list[Answer]]]:
        """For each run, its answers to each prompt."""
        return [answered.by_prompt(run.answers) for run in self.runs]

    @cached_property
    def axes(self) -> Mapping[str, Json]:
        """What was chosen; the same for all of its runs."""
        return self.runs[0].axes


def split(words: Sequence[str], usage: str) -> tuple[list[str], list[str]]:
    """Two selections: two words, or words on both sides of ``vs``.

    Raises:
        Refused: it is not clear where one ends.
    """
    if words.count(BETWEEN) == 1:
        middle = list(words).index(BETWEEN)
        first, second = list(words[:middle]), list(words[middle + 1 :])
    else:
        first, second = list(words[:1]), list(words[1:])
    if not first or not second or BETWEEN in second or (BETWEEN not in words and len(words) > 2):
        raise Refused(usage)
    return first, second


def chosen(words: Sequence[str]) -> list[Run]:
    """The runs that ``words`` select, or that an exported file holds.

    Raises:
        Refused: there are none, or the file cannot be read.
    """
    if len(words) == 1 and words[0].endswith(EXPORTED):
        return _from_file(Path(words[0]))
    if len(words) == 1 and Path(words[0]).is_file():
        raise Refused(f"{words[0]} is no file that can be compared: {WRITERS}")
    found = [from_row(row) for row in select(words)]
    if not found:
        raise Refused(f"No run fits {' '.join(words)!r}: infra results shows what there is.")
    return found


def side(name: str, found: Sequence[Run]) -> Side:
    """The finished ones of ``found``, which must be repeats of one configuration.

    Raises:
        Refused: none has finished, or they are of several configurations; these are named.
    """
    done = sorted((r for r in found if r.data["status"] == "FINISHED"), key=_repeat)
    if not done:
        raise Refused(f"No run of {name} has finished ({counted(len(found), 'run')} did not).")
    _check_alike(name, done)
    return Side(name, tuple(done), len(found) - len(done))


def save(path: Path, found: Iterable[Run]) -> None:
    """Write runs with all that comparing needs, one JSON object a line: ``{"run", "record",
    "answers"}``; ``chosen`` reads them anywhere.

    Raises:
        Refused: the file cannot be written.
    """
    lines = (json.dumps(_to_json(run)) + "\n" for run in found)
    try:
        write_atomic(path, "".join(lines))
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}.") from error


def differing(runs: Iterable[Run]) -> dict[str, list[str]]:
    """Keys that ``runs`` differ in, with their values; what may vary freely left out."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for key, value in run.axes.items():
            if key not in FREE and (shown := word(value)) not in found.setdefault(key, []):
                found[key].append(shown)
    return {key: values for key, values in found.items() if len(values) > 1}


def _check_alike(name: str, found: Sequence[Run]) -> None:
    if mixed := differing(found):
        listed = "; ".join(f"{key}={','.join(values)}" for key, values in mixed.items())
        hint = " ".join(f"{key}={values[0]}" for key, values in mixed.items())
        raise Refused(
            f"{name} holds several configurations: {listed}. Add what it should be, such as {hint}."
        )
    for what, keys in (("weights", ("model", "digest")), ("prompts", ("prompts", "digest"))):
        if len({found.data["plan"][keys[0]][keys[1]] for found in found}) > 1:
            raise Refused(f"{name} holds runs with different {what}: name a sweep or the runs.")
    if len({run.data["plan"]["machine"] for run in found}) > 1:
        raise Refused(f"{name} holds runs of several machines: name a sweep or the runs.")


def _repeat(run: Run) -> tuple[int, float]:
    return run.data["plan"]["repeat"], run.data["started"]


def from_row(row: Row) -> Run:
    """The run of ``row`` with its answers."""
    return Run(row.name, row.data, row.axes, answered.read(row.folder))


def _from_file(path: Path) -> list[Run]:
    """
    Raises:
        Refused: the file cannot be read, is empty, or holds something else.
    """
    try:
        rows = _objects(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Refused(f"{path} is not JSON, nor JSON lines: {error}. {WRITERS}") from error
    if not rows:
        raise Refused(f"{path} holds no runs. {WRITERS}")
    return [_from_json(row, f"{path}, entry {number}") for number, row in enumerate(rows, 1)]


def _objects(text: str) -> list[Json]:
    """The items of a list, one object that may take several lines, or one a line."""
    try:
        whole = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def _from_json(row: Mapping[str, Json], place: str) -> Run:
    try:
        data = row.get("record", row)
        answers = [answered.from_json(each) for each in row.get("answers", ())]
        return Run(str(row.get("run", data["identity"])), data, axes(data), answers)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{place}: no run, or one of another version. {WRITERS}") from error


def _to_json(run: Run) -> dict[str, Json]:
    record = {key: value for key, value in run.data.items() if key not in LEFT_OUT}
    return {"run": run.name, "record": record, "answers": list(answered.to_json(run.answers))}
