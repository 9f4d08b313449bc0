"""Exports: whole, and readable by what reads such files."""

import csv
import io
import json
from pathlib import Path

import pytest

from infra.answers import export, llama_bench
from infra.answers.selection import Row, select
from swept import copied, sweep

AXES = {"quantization": ["none", "q4"], "experts.active": ["2", "1"]}


@pytest.fixture
def rows(home: Path) -> list[Row]:
    """The runs of a sweep."""
    return select([sweep(copied(home / "runs"), AXES, repeats=3).name])


def test_csv_has_all_choices_and_numbers_in_base_units(rows: list[Row]) -> None:
    table = list(csv.DictReader(io.StringIO(export.as_csv(rows, {rows[0].folder}))))
    assert [line["run"] for line in table] == [row.name for row in rows]
    assert [line["pareto"] for line in table] == ["1"] + ["0"] * 11
    assert float(table[0]["peak_memory"]) == rows[0].metric("peak_memory")
    assert (table[0]["quantization"], table[0]["experts.active"]) == ("none", "2")
    assert {"sampling.temperature", "load.threads", "repeat", "cause"} <= set(table[0])


def test_json_holds_the_record(rows: list[Row]) -> None:
    [first, *_] = json.loads(export.as_json(rows, set()))
    assert first["metrics"] == rows[0].data["metrics"]
    assert first["plan"] == rows[0].data["plan"]
    assert first["axes"]["experts.active"] == 2
    lines = export.as_jsonl(rows, set()).splitlines()
    assert [json.loads(line)["run"] for line in lines] == [row.name for row in rows]


def test_markdown_is_escaped() -> None:
    table = export.as_markdown([["a"], ["x|y <b>"]])
    assert table == "| a |\n| --- |\n| x\\|y &lt;b> |\n"


def test_llama_bench_fields_are_its_own_and_agree_with_each_other(rows: list[Row]) -> None:
    tests = [json.loads(line) for line in llama_bench.as_jsonl(rows).splitlines()]
    assert len(tests) == 4 * 2
    for test in tests:
        assert tuple(test) == llama_bench.FIELDS
        tokens = test["n_prompt"] + test["n_gen"]
        assert bool(test["n_prompt"]) != bool(test["n_gen"])
        assert len(test["samples_ns"]) == len(test["samples_ts"]) == 3
        for nanoseconds, speed in zip(test["samples_ns"], test["samples_ts"], strict=True):
            assert 1e9 * tokens / nanoseconds == pytest.approx(speed, rel=1e-6)
        assert test["avg_ts"] == pytest.approx(sum(test["samples_ts"]) / 3)
        assert test["build_commit"] is None
    generated = [test for test in tests if test["n_gen"]]
    assert all(test["n_depth"] > 0 for test in generated)
    assert generated[0]["stddev_ts"] > 0


def test_llama_bench_markdown_has_its_columns(rows: list[Row]) -> None:
    header, rule, *body = llama_bench.as_markdown(rows).splitlines()
    assert header.split() == "| model | size | params | backend | threads | test | t/s |".split()
    assert rule.startswith(f"| {'-' * 30} | ---------: |")
    assert len(body) == 8
    assert {len(line) for line in (header, rule, *body)} == {len(header)}
    assert "tg" in body[1]
    assert "± " in body[0]
    assert "experts.active=2" in body[0]


def test_llama_bench_markdown_shows_layers_on_a_gpu(rows: list[Row]) -> None:
    for row in rows:
        row.data["facts"] |= {"device": "cuda:0", "options": {"gpu_layers": 24}}
    header, _, first, *_ = llama_bench.as_markdown(rows).splitlines()
    assert "| backend    | ngl | threads |" in header
    assert first.split("|")[5] == "  24 "


def test_a_run_without_generations_has_no_tests(rows: list[Row]) -> None:
    for row in rows:
        Path(row.folder / "generations.jsonl").unlink()
    assert llama_bench.as_jsonl(rows) == ""
