"""Records on disk: what is written reads back, and reading finds runs by name."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Done
from infra import record, runs
from infra.errors import Refused
from infra.types import Routing

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


def test_a_run_under_way_is_not_unfinished(infra: Callable[..., Done]) -> None:
    folder = infra(*ECHO).folder
    (folder / "record.json").unlink()
    with runs.lock(folder):
        assert list(runs.unfinished()) == []
    assert list(runs.unfinished()) == [folder]


def test_memory_of_a_process_is_told_apart() -> None:
    import numpy as np

    from infra import memory

    before = memory.usage()
    kept = np.ones(50_000_000, np.uint8)
    grown = memory.usage()
    assert grown["anonymous"] - before["anonymous"] > 45_000_000  # type: ignore[operator]  # known here
    assert grown["peak"] >= grown["rss"]  # type: ignore[operator]  # known here
    del kept
    memory.reset_peak()
    assert memory.usage()["peak"] < grown["peak"]  # type: ignore[operator]  # known here
    assert memory.cpu_seconds(os.getpid()) > 0


@pytest.mark.parametrize(("layers", "experts"), [(24, 64), (94, 512)])
def test_routing_reads_back_and_record_json_stays_small(
    infra: Callable[..., Done], tmp_path: Path, layers: int, experts: int
) -> None:
    used = ((), *[tuple(range(1000, 1000 + experts))] * layers)
    phases = tuple(Routing(phase, 9, used, 0.5, 10, 5, 0.1, 1.0) for phase in ("prefill", "decode"))
    found = replace(record.read(infra(*ECHO).folder), routing=phases)
    path = record.write(found, tmp_path)
    assert record.read(tmp_path) == found
    assert path.stat().st_size < 100_000
    assert (tmp_path / "routing.json").exists() == (layers * experts > record.MOST_COUNTS)
