"""What a report is about: runs, the axes that they differ in, and the combinations of levels."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from infra.answers.measured import Kind, comparable_key, kinds
from infra.answers.selection import Row, of_sweep, varying
from infra.answers.written import legible, word
from infra.sweeps import folder as sweeps
from infra.types import Json

#: keys that differ between runs without being chosen, or that repeats differ in
NO_AXIS = {"repeat", "name", "isolation"}

Levels = tuple[str, ...]
"""A value for each axis, in the axes' order."""


@dataclass(frozen=True)
class Study:
    """Runs with their place among the combinations."""

    title: str
    axes: tuple[str, ...]
    rows: Sequence[Row]
    levels: Mapping[Path, Levels]  #: of each run's folder
    sweep: Mapping[str, Json] = field(default_factory=dict)  #: sweep.json, if there was one

    @cached_property
    def combinations(self) -> dict[Levels, dict[int, Row]]:
        """The finished runs by their levels and repeat, in the order of the first of each."""
        found: dict[Levels, dict[int, Row]] = {}
        for row in self.rows:
            repeats = found.setdefault(self.levels[row.folder], {})
            if row.data["status"] == "FINISHED":
                repeats[_free(row.data["plan"]["repeat"], repeats)] = row
        return {levels: repeats for levels, repeats in found.items() if repeats}

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """The metrics that any run has."""
        return kinds(self.rows)

    @cached_property
    def comparable(self) -> list[list[Levels]]:
        """The combinations, those together that can be ranked."""
        found: dict[tuple[str, str], list[Levels]] = {}
        for levels, repeats in self.combinations.items():
            found.setdefault(comparable_key(next(iter(repeats.values()))), []).append(levels)
        return list(found.values())

    def values(self, axis: str) -> list[str]:
        """The levels of one axis that have a finished run, in the order of the runs."""
        place = self.axes.index(axis)
        return list(dict.fromkeys(levels[place] for levels in self.combinations))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each two axes that have more than one level."""
        yield from itertools.combinations([a for a in self.axes if len(self.values(a)) > 1], 2)

    def place(self, levels: Levels) -> dict[str, str]:
        """A level for each axis."""
        return dict(zip(self.axes, levels, strict=True))

    def apart(self, one: Levels, other: Levels) -> tuple[str, str]:
        """The labels of two combinations, of the axes that they differ in."""
        axes = [axis for axis, a, b in zip(self.axes, one, other, strict=True) if a != b]
        return self._words(one, axes), self._words(other, axes)

    def shared(self, one: Levels, other: Levels) -> str:
        """The label of what two combinations have in common."""
        axes = [axis for axis, a, b in zip(self.axes, one, other, strict=True) if a == b]
        return self._words(one, axes)

    def label(self, levels: Levels) -> str:
        """A combination as the command line writes it."""
        return self._words(levels, self.axes) or "the one combination"

    def _words(self, levels: Levels, axes: Sequence[str]) -> str:
        place = self.place(levels)
        return " ".join(f"{axis}={place[axis]}" for axis in axes)


def of_folder(sweep: Path) -> Study:
    """The study of a sweep."""
    data, rows = sweeps.read(sweep), of_sweep(sweep)
    axes = tuple(data["axes"])
    told = _overrides(data["cells"])
    chosen = {row.folder: {**row.axes, **told.get(row.cell, {})} for row in rows}
    return Study(data.get("name") or sweep.name, axes, rows, _levels(axes, chosen), data)


def of_rows(title: str, rows: Sequence[Row]) -> Study:
    """The study of any runs: whatever they differ in is an axis."""
    axes = tuple(axis for axis in varying(rows) if axis not in NO_AXIS)
    return Study(title, axes, rows, _levels(axes, {row.folder: row.axes for row in rows}))


def _overrides(cells: Sequence[dict[str, Json]]) -> dict[tuple[str, int], dict[str, str]]:
    """What was written for each cell; a group that was swept stands in no record."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    for cell in cells:
        parts = (word.lstrip("+").partition("=") for word in cell["overrides"])
        key = cell["identity"], cell["repeat"]
        found.setdefault(key, {name: value for name, _, value in parts})
    return found


def _levels(axes: Sequence[str], chosen: Mapping[Path, Mapping[str, Json]]) -> dict[Path, Levels]:
    """For each run, what was chosen on each axis, as it is shown."""
    words = {axis: legible(each.get(axis, "") for each in chosen.values()) for axis in axes}
    return {
        folder: tuple(words[axis][word(each.get(axis, ""))] for axis in axes)
        for folder, each in chosen.items()
    }


def _free(repeat: int, taken: Mapping[int, Row]) -> int:
    return repeat if repeat not in taken else _free(repeat + 1, taken)
