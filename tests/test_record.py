"""Records on disk: what is written reads back, and reading finds runs by name."""

import errno
import gc
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Done
from infra import record, runs
from infra.errors import Refused
from infra.files import write_atomic
from infra.resources import memory
from infra.types import Record, Routing

ECHO = ("backend=echo", "tracking=none", "prompts.limit=2")


def test_a_record_reads_back_whole(infra: Callable[..., Done], tmp_path: Path) -> None:
    found = record.read(infra(*ECHO).folder)
    record.write(found, tmp_path)
    assert record.read(tmp_path) == found
    assert [each.index for each in found.generations] == [0, 1]
    assert found.generations[0].reply is not None


def test_half_a_character_in_a_call_reads_back(infra: Callable[..., Done], home: Path) -> None:
    call = '<tool_call>{"name": "f", "arguments": {"a": "\\\\ud800"}}</tool_call>'
    (home / "p.jsonl").write_text('{"prompt": "' + call.replace('"', '\\"') + '"}')
    folder = infra("backend=echo", "tracking=none", "prompts.file=p.jsonl").folder
    (generation,) = record.read(folder).generations
    assert generation.reply is not None
    assert generation.reply.calls[0].arguments == {"a": "\ud800"}
    assert infra("show").code == 0


def test_a_record_stays_small(infra: Callable[..., Done]) -> None:
    folder = infra(*ECHO, "prompts=heldout", "prompts.limit=300").folder
    assert (folder / "record.json").stat().st_size < 100_000


def test_a_run_is_found_by_a_part_of_its_name(infra: Callable[..., Done]) -> None:
    first, second = infra(*ECHO).folder, infra(*ECHO).folder
    assert runs.find("last") == second
    assert runs.find(first.name) == first
    with pytest.raises(Refused, match="2 runs fit"):
        runs.find(first.name.split("-")[2])
    with pytest.raises(Refused, match="No run is called"):
        runs.find("nothing")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Nothing can be written below ``home``."""

    def write(path: Path, text: str) -> None:
        if path.is_relative_to(home):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_atomic(path, text)

    monkeypatch.setattr(record, "write_atomic", write)


@pytest.fixture
def unwritten(infra: Callable[..., Done]) -> tuple[Record, Path]:
    """A record that is not in its folder yet."""
    folder = infra(*ECHO).folder
    found = record.read(folder)
    for name in (record.RECORD, record.GENERATIONS):
        (folder / name).unlink()
    return found, folder


def test_a_record_elsewhere_is_told_of_and_read_as_if_it_were_there(
    unwritten: tuple[Record, Path], full_disk: None
) -> None:
    found, folder = unwritten
    path, problem = record.write(found, folder)
    assert problem == f"{folder} cannot be written (No space left on device): the record is {path}"
    assert record.read(folder) == record.read(path.parent) == found
    assert list(runs.unfinished()) == []


def test_where_not_even_a_link_can_be_made_it_is_not_recovered_twice(
    unwritten: tuple[Record, Path], full_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, folder = unwritten
    assert list(runs.unfinished()) == [folder]
    monkeypatch.setattr(Path, "symlink_to", lambda *_: folder.rmdir())  # which fails
    path, _ = record.write(found, folder)
    assert record.read(path.parent) == found
    assert list(runs.unfinished()) == []


def test_a_run_that_had_finished_was_not_killed(unwritten: tuple[Record, Path]) -> None:
    found, folder = unwritten
    assert runs.recover(folder).startswith("recovered a run that had finished: ")
    assert record.read(folder).generations == found.generations


def test_a_run_under_way_is_not_unfinished(infra: Callable[..., Done]) -> None:
    folder = infra(*ECHO).folder
    (folder / "record.json").unlink()
    with runs.lock(folder):
        assert list(runs.unfinished()) == []
    assert list(runs.unfinished()) == [folder]


#: in a process of its own: in this one, what other tests have freed may go back at any time
MEMORY = """
import os
import subprocess
import sys
import numpy as np
from infra.resources import memory

before = memory.usage()
kept = np.ones(50_000_000, np.uint8)
grown = memory.usage()
assert grown["anonymous"] - before["anonymous"] > 45_000_000, (before, grown)
assert grown["peak"] >= grown["rss"], grown
del kept
memory.reset_peak()
assert memory.usage()["peak"] < grown["peak"] - 45_000_000, (grown, memory.usage())
assert memory.cpu_seconds(os.getpid()) > 0
"""


def test_memory_of_a_process_is_told_apart() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("layers", "experts"), [(24, 64), (94, 512)])
def test_routing_reads_back_and_record_json_stays_small(
    infra: Callable[..., Done], tmp_path: Path, layers: int, experts: int
) -> None:
    used = ((), *[tuple(range(1000, 1000 + experts))] * layers)
    phases = tuple(Routing(phase, 9, used, 0.5, 10, 5, 0.1, 1.0) for phase in ("prefill", "decode"))
    found = replace(record.read(infra(*ECHO).folder), routing=phases)
    path, _ = record.write(found, tmp_path)
    assert record.read(tmp_path) == found
    assert path.stat().st_size < 100_000
    assert (tmp_path / "routing.json").exists() == (layers * experts > record.MOST_COUNTS)


def test_what_stays_is_not_looked_at_again() -> None:
    try:
        memory.release(rest_stays=True)
        assert gc.get_freeze_count() > 10_000
        kept = gc.get_freeze_count()
        memory.release()
        assert gc.get_freeze_count() == kept
    finally:
        gc.unfreeze()
