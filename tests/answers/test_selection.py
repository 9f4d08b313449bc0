"""Which runs words select."""

import json
from pathlib import Path

import pytest

from infra import runs
from infra.answers.selection import Row, of_sweep, select
from infra.errors import Refused
from infra.record import RECORD
from repeats import repeats


def names(rows: list[Row]) -> list[str]:
    return [row.name for row in rows]


def swept(name: str, folders: list[Path]) -> Path:
    """A sweep over the cells of these runs."""
    folder = runs.root() / "sweeps" / name
    folder.mkdir(parents=True)
    records = [json.loads((each / RECORD).read_text()) for each in folders]
    cells = [{"identity": r["identity"], "repeat": r["plan"]["repeat"]} for r in records]
    (folder / "sweep.json").write_text(json.dumps({"cells": cells}))
    return folder


def test_filters_narrow_what_names_select(home: Path) -> None:
    one, two = repeats(2, experts_active=1), repeats(2, experts_active=2)
    assert names(select([])) == [folder.name for folder in one + two]
    assert names(select(["experts.active=2"])) == [folder.name for folder in two]
    assert names(select(["experts.active=1,2", "repeat=1"])) == [one[1].name, two[1].name]
    assert names(select(["last"])) == [two[1].name]
    assert select(["last", "experts.active=1"]) == []
    with pytest.raises(Refused, match=r"Did you mean 'experts.active'"):
        select(["experts.activ=1"])


@pytest.mark.parametrize("typed", ["0", "0.0", "0.7,0"])
def test_a_number_is_found_however_it_is_typed(home: Path, typed: str) -> None:
    [folder] = repeats(1)
    assert json.loads((folder / RECORD).read_text())["plan"]["sampling"]["temperature"] == 0.0
    assert names(select([f"sampling.temperature={typed}"])) == [folder.name]
    assert select(["sampling.temperature=0.01"]) == []


@pytest.mark.parametrize("typed", ["1GB", "1000000000", "2GB,1000MB"])
def test_a_limit_of_memory_is_found_as_it_was_typed(home: Path, typed: str) -> None:
    free, limited = repeats(2)
    data = json.loads((limited / RECORD).read_text())
    data["plan"]["memory"] = 1_000_000_000
    (limited / RECORD).write_text(json.dumps(data))
    assert names(select([f"limits.memory={typed}"])) == [limited.name]
    assert names(select(["limits.memory=null"])) == [free.name]


def test_a_sweep_keeps_its_own_runs_when_it_is_run_again(home: Path) -> None:
    first = repeats(3, sweep="s1")
    second = repeats(3, sweep="s2")
    assert names(of_sweep(swept("s1", first))) == [folder.name for folder in first]
    assert names(of_sweep(swept("s2", second))) == [folder.name for folder in second]
    assert names(select(["sweep"])) == [folder.name for folder in second]


def test_what_failed_in_a_sweep_may_have_finished_elsewhere(home: Path) -> None:
    failed = repeats(1, sweep="s1", told={"status": "FAILED"})
    finished = repeats(1, sweep="s2")
    repeats(1, sweep="s3", told={"status": "KILLED"})
    assert names(of_sweep(swept("s1", failed))) == [finished[0].name]
