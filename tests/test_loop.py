"""Rounds of tool results, on the echo backend, which repeats the last message: a call in a result
is made again, as long as it is let."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Done
from infra import record
from infra.types import Json

Infra = Callable[..., Done]
ECHO = ("backend=echo", "tracking=none", "prompts.file=p.jsonl", "warmup=0")
PLUGIN = """
import os
import time
from pathlib import Path
from infra import hookimpl

def look(city: str) -> str:
    Path("ran").touch()
    return f"sun in {city}"

def leave(code: int) -> None:
    os._exit(code)

def wait() -> None:
    time.sleep(600)

def bury() -> list:
    value = []
    for _ in range(500):
        value = [value]
    return value

@hookimpl
def infra_tools():
    return {each.__name__: each for each in (look, leave, wait, bury)}
"""


def calling(name: str, **arguments: Json) -> str:
    """A call as hermes writes it."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def tool(name: str) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": {}}}


@pytest.fixture
def ask(infra: Infra, home: Path) -> Infra:
    """Run on prompts, with the plugin's functions registered."""
    (home / "mine").mkdir()
    (home / "mine" / "mine.py").write_text(PLUGIN)

    def run(rows: list[dict[str, Any]], *arguments: str) -> Done:
        (home / "p.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return infra(*ECHO, *arguments, INFRA_PLUGINS=str(home / "mine"))

    return run


def test_results_are_fed_back_until_the_rounds_are_over(ask: Infra, infra: Infra) -> None:
    again = calling("f", n=2)
    rows = [
        {
            "prompt": calling("f", n=1),
            "tools": [tool("f")],
            "results": [{"name": "f", "result": again}],
            "expected": [{"name": "f", "arguments": {"n": n}} for n in (1, 2, 2)],
        },
        {"prompt": "hello"},
    ]
    done = ask(rows, "tools.loop=2")
    assert done.code == 0, done.err
    found = record.read(done.folder).generations
    assert [(each.index, each.round) for each in found] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert [each.exact for each in found] == [None, None, True, None]
    assert [each.outcomes.get("strict") for each in found] == [None, None, "ok", None]
    assert [[r.value for r in each.results] for each in found] == [[again], [again], [], []]
    assert [len(each.prompt.messages) for each in found] == [1, 3, 5, 1]
    assert found[0].end < found[0].results[0].start < found[1].start  # type: ignore[operator]  # all are done
    assert done.record["metrics"]["tool_call_exact"]["n"] == 1
    assert "running" not in done.err
    for text in (done.out, infra("show").out):
        assert "2 prompts" in text
        assert text.count("f(n=2)") == 2
        assert text.count("→ ") == 2


def test_a_prompt_without_rounds_is_left_as_it_is(ask: Infra) -> None:
    done = ask([{"prompt": calling("f"), "tools": [tool("f")], "results": []}])
    (only,) = record.read(done.folder).generations
    assert (only.round, only.results) == (0, ())
    assert only.reply
    assert only.reply.calls


def test_an_error_is_a_result_too(ask: Infra) -> None:
    rows = [{"prompt": calling("g"), "tools": [tool("f")]}]
    first, second = record.read(ask(rows, "tools.loop=3").folder).generations
    assert first.results[0].error == "No tool is called 'g'. Choices: f."
    assert json.loads(second.text)["error"] == first.results[0].error


def test_a_prompt_that_outgrows_the_context_ends_there(ask: Infra) -> None:
    long = calling("f") + " word" * 60
    rows = [
        {
            "prompt": calling("f"), "tools": [tool("f")],
            "results": [{"name": "f", "result": long}], "expected": [{"name": "f"}],
        }
    ] * 2  # fmt: skip
    done = ask(rows, "tools.loop=3", "load.context=40")
    assert done.code == 0, done.err
    found = record.read(done.folder).generations
    assert [(each.round, each.finish, len(each.ids)) for each in found[1::2]] == [
        (1, "context", 0), (1, "context", 0),
    ]  # fmt: skip
    assert [each.exact for each in found] == [None, True, None, True]
    assert done.record["metrics"]["e2e_p50"]["n"] == 2


def test_a_function_runs_if_it_is_named_and_is_shown_before(ask: Infra, home: Path) -> None:
    rows = [{"prompt": calling("look", city="Oslo"), "tools": [tool("look")]}]
    (first, _) = record.read(ask(rows, "tools.loop=1").folder).generations
    assert first.results[0].simulated
    assert not (home / "ran").exists()
    done = ask(rows, "tools.loop=1", "tools.run=[look]")
    assert (home / "ran").exists()
    first, second = record.read(done.folder).generations
    assert (first.results[0].simulated, first.results[0].value) == (False, "sun in Oslo")
    assert second.text.strip() == "sun in Oslo"
    told = done.err.index("running look(city='Oslo')")
    assert told < done.err.index('look → "sun in Oslo"') < done.err.index("generate ")
    assert "mine" in done.record["plan"]["plugins"]


def test_a_function_that_ends_its_process_or_hangs_is_an_error(ask: Infra) -> None:
    rows = [{"prompt": calling("leave", code=3)}, {"prompt": calling("wait")}]
    done = ask(rows, "tools.loop=1", "tools.run=[leave,wait]", "tools.timeout=0.5")
    assert done.code == 0, done.err
    found = record.read(done.folder).generations
    assert [each.results[0].error for each in found[::2]] == [
        "It ended its process: exit code 3", "TimeoutError: no result after 0.5 s",
    ]  # fmt: skip


def test_results_nested_too_deeply_are_an_error(ask: Infra) -> None:
    deep = json.loads(150 * "[" + 150 * "]")
    rows = [
        {"prompt": calling("bury")},
        {
            "prompt": calling("f"), "tools": [tool("f")],
            "results": [{"name": "f", "result": deep}],
        },
    ]  # fmt: skip
    done = ask(rows, "tools.loop=1", "tools.run=[bury]")
    assert done.code == 0, done.err
    found = record.read(done.folder).generations
    assert [each.results[0].error for each in found[::2]] == [
        "ValueError: it is nested deeper than 100 levels"
    ] * 2


def test_a_function_that_is_not_there_is_refused(ask: Infra) -> None:
    done = ask([{"prompt": "hi"}], "tools.loop=1", "tools.run=[lok]")
    assert (done.code, "No tool is called 'lok'. Did you mean 'look'?" in done.err) == (2, True)


def test_rounds_with_their_results_read_back(ask: Infra, tmp_path: Path) -> None:
    rows = [{"prompt": calling("look", city="Oslo")}]
    found = record.read(ask(rows, "tools.loop=1", "tools.run=[look]").folder)
    record.write(found, tmp_path)
    assert record.read(tmp_path) == found
