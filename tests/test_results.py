"""``infra results``: which runs, in which order, in which form."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Done
from swept import copied, sweep

Infra = Callable[..., Done]
AXES = {"quantization": ["none", "q4", "q2"], "experts.active": ["2", "1"]}


@pytest.fixture
def made(infra: Infra, home: Path) -> Infra:
    """A runs/ with a real run and a sweep of twelve."""
    sweep(copied(home / "runs"), AXES, repeats=2)
    return infra


def lines(done: Done) -> list[list[str]]:
    assert done.code == 0, done.err
    return [line.split() for line in done.out.splitlines()[1:]]


def test_filters_sorting_and_the_best(made: Infra) -> None:
    assert len(lines(made("results"))) == 13
    assert len(lines(made("results", "sweep", "quantization=q4,q2"))) == 8
    assert len(lines(made("results", "3"))) == 3
    fastest = json.loads(made("results", "sweep", "--sort", "decode_tps", "--json").out)[0]
    assert fastest["axes"]["quantization"] == "q2"
    keys = [row[2] for row in lines(made("results", "sweep", "--sort", "experts.active"))]
    assert len(keys) == 12
    best = made("results", "sweep", "--best", "tool_call_exact", "--by", "quantization", "--csv")
    assert len(best.out.splitlines()) == 1 + 3 * 2
    table = made("results", "sweep", "--pareto", "decode_tps,peak_memory")
    assert table.out.count("★") == 1 + 2
    assert "decode_tps, peak_memory, by means" in table.err
    assert "the best tool_call_exact, by means over repeats, among runs with the same" in (
        made("results", "sweep", "--best", "tool_call_exact").err
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--sort decod", "Did you mean 'decode_tps'?"),
        ("--pareto decode_tps,quantisation", "quantisation"),
        ("--best generated_tokens", "Neither more nor less"),
        ("--by quantization", "--best METRIC"),
        ("--sorted x", "Did you mean '--sort'?"),
        ("--csv --json", "not allowed with"),
        ("--sort", "expected one argument"),
        ("nothing", "No run is called 'nothing'"),
        ("quantisation=q4", "Did you mean 'quantization'?"),
        ("0", "at least 1"),
        ("1 2", "at least 1"),
    ],
)
def test_what_cannot_be_is_one_sentence(made: Infra, arguments: str, sentence: str) -> None:
    done = made("results", *arguments.split())
    assert (done.code, done.err.count("\n"), done.out) == (2, 1, ""), done.err
    assert sentence in done.err


def test_a_drawn_fraction_is_shown_in_few_digits_and_found_by_them(
    infra: Infra, home: Path
) -> None:
    axes = {"sampling.temperature": ["0.1", "0.30000000000000004", "1.0"]}
    sweep(copied(home / "runs"), axes)
    table = infra("results", "sweep", "--sort", "sampling.temperature").out.replace("★", " ")
    assert [line.split()[2] for line in table.splitlines()[1:]] == ["0.1", "0.3", "1.0"]
    for typed in ("0.3", "0.30000000000000004"):
        [found] = json.loads(infra("results", f"sampling.temperature={typed}", "--json").out)
        assert found["axes"]["sampling.temperature"] == 0.30000000000000004


def test_fractions_that_would_look_alike_are_shown_whole(infra: Infra, home: Path) -> None:
    sweep(copied(home / "runs"), {"sampling.temperature": ["0.3", "0.30000000000000004"]})
    table = infra("results", "sweep").out.replace("★", " ")
    assert [line.split()[2] for line in table.splitlines()[1:]] == ["0.3", "0.30000000000000004"]
    [exact] = json.loads(infra("results", "sampling.temperature=0.3", "--json").out)
    assert exact["axes"]["sampling.temperature"] == 0.3


def test_forms(made: Infra) -> None:
    assert len(json.loads(made("results", "--json").out)) == 13
    assert len(made("results", "--jsonl").out.splitlines()) == 13
    assert made("results", "--markdown").out.startswith("| run | status |")
    sorted_by = made("results", "--sort", "e2e_p50", "--markdown").out.splitlines()[0]
    assert "| e2e_p50 |" in sorted_by
    assert made("results", "--llama-bench").out.startswith("| model ")
    assert '"avg_ts"' in made("results", "--llama-bench=jsonl").out


def test_a_filter_that_nothing_fits_is_said(made: Infra) -> None:
    done = made("results", "status=KILLED")
    assert (done.code, done.out) == (0, ""), done.err
    assert "No run fits status=KILLED" in done.err
    assert made("results", "status=KILLED", "--json").out == "[]\n"
