"""Which runs are meant: by a part of a name, by a sweep, by ``key=value``."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from infra import runs
from infra.answers.written import rounded, word
from infra.errors import Refused, nearest
from infra.record import RECORD
from infra.resources import limits
from infra.sweeps import folder as sweeps
from infra.types import Json

#: a plan's fields under the names that the command line has for them; others keep theirs
WORDS = {
    "experts_active": "experts.active",
    "sampling.seed": "seed",
    "constraint.kind": "constraint",
    "memory": "limits.memory",
}
#: parts of a plan that are no choice of the experiment
APART = {"plugins", "machine", "versions", "tracking", "sweep", "cell", "timeout"}


class Row(NamedTuple):
    """A run that has a record."""

    folder: Path
    data: dict[str, Json]  #: record.json
    axes: Mapping[str, Json]  #: what was chosen, by the command line's keys: ``sampling.top_k``

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def cell(self) -> tuple[str, int]:
        """What a sweep knows it by: the identity that its plan had there, and its repeat."""
        plan = self.data["plan"]
        return plan.get("cell") or self.data["identity"], plan["repeat"]

    def metric(self, name: str) -> float | None:
        found = self.data["metrics"].get(name)
        return None if found is None else float(found["value"])


def everything() -> list[Row]:
    """All runs with a record that can be read, the oldest first."""
    return list(_rows(runs.folders()))


def select(words: Sequence[str]) -> list[Row]:
    """The runs that ``words`` mean together, the oldest first: ``last``, a part of a run's name, a
    sweep's name or ``sweep`` (the newest one), each narrowed by filters such as
    ``experts.active=2``. No words mean all runs.

    Raises:
        Refused: a name that fits nothing or several, a filter whose key no run has.
    """
    filters = [word for word in words if "=" in word]
    names = [word for word in words if "=" not in word]
    rows = [row for name in names for row in _named(name)] if names else everything()
    for each in filters:
        rows = _filtered(rows, each)
    return list({row.folder: row for row in rows}.values())


def _named(name: str) -> list[Row]:
    if name == "sweep" or sweeps.matching(name):
        return of_sweep(sweeps.find(name))
    return list(_rows([runs.find(name)]))


def of_sweep(sweep: Path) -> list[Row]:
    """One run of each cell of a sweep, in the order of its cells: a finished one before one that
    failed, then one of the sweep itself before one of another sweep, then the newest."""
    wanted = {(cell["identity"], cell["repeat"]): None for cell in sweeps.read(sweep)["cells"]}
    found: dict[tuple[str, int], Row] = {}
    for row in everything():
        before = found.get(row.cell)
        if row.cell in wanted and (not before or _rank(row, sweep) >= _rank(before, sweep)):
            found[row.cell] = row
    return [found[cell] for cell in wanted if cell in found]


def _rank(row: Row, sweep: Path) -> tuple[bool, bool]:
    return row.data["status"] == "FINISHED", row.data["plan"].get("sweep") == sweep.name


def _rows(folders: Iterable[Path]) -> Iterator[Row]:
    for folder in folders:
        try:
            data = json.loads((folder / RECORD).read_text())
            row = Row(folder, data, axes(data))
            row.cell  # noqa: B018  # raises for a record of an older version, which has none
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        yield row


def axes(data: Mapping[str, Json]) -> dict[str, Json]:
    """What decided a run, flat; K is the one in effect where the model was loaded."""
    plan, facts = data["plan"], data["facts"]
    prompts = ", ".join(Path(file).stem for file in plan["prompts"]["source"].split(", "))
    kept = {key: value for key, value in plan.items() if key not in APART}
    kept |= {"model": plan["model"]["name"], "prompts": f"{prompts}[{plan['prompts']['count']}]"}
    found = dict(_flat(kept))
    if facts and facts["effective_k"] is not None:
        found["experts.active"] = facts["effective_k"]
    return found


def _flat(value: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    for key, each in value.items():
        word = WORDS.get(prefix + key, prefix + key)
        if isinstance(each, dict):
            yield from _flat(each, f"{word}.")
        else:
            yield word, each


def _filtered(rows: list[Row], asked: str) -> list[Row]:
    key, _, wanted = asked.partition("=")
    if key == "status":
        return [row for row in rows if row.data["status"].lower() == wanted.lower()]
    known = {axis for row in rows for axis in row.axes}
    if key not in known:
        raise Refused(f"No run has a key {key!r}. {nearest(key, known)}")
    meant = {row.folder for value in wanted.split(",") for row in _having(rows, key, value)}
    return [row for row in rows if row.folder in meant]


def _having(rows: Sequence[Row], key: str, text: str) -> list[Row]:
    """The rows with a value, or, where there are none, with one that is shown so."""
    wanted = _typed(key, text)
    exact = [row for row in rows if wanted in _spellings(row.axes.get(key))]
    return exact or [row for row in rows if rounded(word(row.axes.get(key))) == text]


def _spellings(value: Json) -> set[str | float]:
    """What may be typed for a value: 0 is 0.0."""
    return {_number(str(value)), _number(word(value))}


def _typed(key: str, text: str) -> str | float:
    """A value of a filter; a limit may be written as for a run."""
    size = key == WORDS["memory"] and text != "null"
    return float(limits.parse(text)) if size else _number(text)


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def varying(rows: Sequence[Row]) -> list[str]:
    """Keys whose values are not the same in all ``rows``."""
    keys = dict.fromkeys(key for row in rows for key in row.axes)
    return [key for key in keys if len({word(row.axes.get(key)) for row in rows}) > 1]
