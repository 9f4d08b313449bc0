"""What answers a call: a function with checked arguments, a canned result, or an error sentence."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest

from infra.calls.answered import Answered, outcome
from infra.calls.functions import Function, described
from infra.calls.rounds import Rounds, check, said
from infra.calls.toolbox import Toolbox, offered, planned
from infra.clock import Clock
from infra.configuration.schema import Tools as Keys
from infra.errors import Refused
from infra.journal import Journal, Reader
from infra.plan import Tools
from infra.plugins import registry
from infra.prompts import from_row, to_row
from infra.request import Asked
from infra.types import Call, Canned, Json, Prompt, Reply, Result

USER = ({"role": "user", "content": "hi"},)


def get_weather(city: str, days: int = 1, unit: Literal["c", "f"] = "c", **more: int) -> Json:
    """Weather in a city.

    Not of the sea.

    Args:
        city: whose weather, for example
            Oslo.
        days (int): how many.

    Returns:
        what nobody reads: here
    """
    return {"city": city, "days": days, "unit": unit, **more}


#: functions that are trouble, in a plugin
TROUBLE = """
import os, subprocess, sys, time
from infra import hookimpl

told = []

def remember(word: str) -> list[str]:
    print("what a function prints")
    told.append(word)
    return told

def hang(file: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(file, "w") as pids:
        pids.write(f"{os.getpid()} {child.pid}")
    time.sleep(600)

def leave(code: int) -> None:
    os._exit(code)

def deep(levels: int) -> list:
    value = []
    for _ in range(levels):
        value = [value]
    return value

def odd() -> object:
    return {1, 2}

@hookimpl
def infra_tools():
    return {each.__name__: each for each in (remember, hang, leave, deep, odd)}
"""


def answered(function: Callable[..., Any], **arguments: Json) -> Answered:
    return outcome(lambda: Function("f", function).run(arguments))


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toolbox]:
    """Functions that run, each for at most two seconds."""
    (tmp_path / "trouble.py").write_text(TROUBLE)
    monkeypatch.setenv("INFRA_PLUGINS", str(tmp_path))
    box = Toolbox(("remember", "hang", "leave", "deep", "odd"), 2)
    yield box
    box.close()


def ask(box: Toolbox, name: str, **arguments: Json) -> Answered:
    return box.answer(Call(name, arguments), Prompt("p", USER))


def test_a_schema_comes_from_signature_and_docstring() -> None:
    assert Function("weather", get_weather).schema == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Weather in a city.\n\nNot of the sea.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "whose weather, for example Oslo."},
                    "days": {"type": "integer", "default": 1, "description": "how many."},
                    "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
                },
                "required": ["city"],
                "additionalProperties": {"type": "integer"},
            },
        },
    }


@pytest.mark.parametrize(
    "text", ["", "Only this.", "Args:", "Args:\n    nothing here", "x\n\nArgs:"]
)
def test_any_docstring_will_do(text: str) -> None:
    assert described(text)[1] == {}


def _spread(*values: int) -> None: ...
def _placed(value: int, /) -> None: ...
def _odd(value: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821  # on purpose


@pytest.mark.parametrize("function", [_spread, _placed, _odd, object(), len])
def test_a_function_that_no_model_could_call_is_refused(function: Any) -> None:
    with pytest.raises(Refused, match="The tool f"):
        Function("f", function)


def test_arguments_are_checked_and_defaults_filled_in() -> None:
    found = answered(get_weather, city="Oslo", days="2", extra=3)
    assert found == ({"city": "Oslo", "days": 2, "unit": "c", "extra": 3}, None)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({}, "city: "), ({"city": 3}, "city: "), ({"city": "a", "unit": "k"}, "unit: ")],
)
def test_bad_arguments_are_told_to_the_model(arguments: dict[str, Json], word: str) -> None:
    value, error = answered(get_weather, **arguments)
    assert error
    assert error.startswith(f"ValueError: {word}")
    assert value == {"error": error}


class _Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def _raising(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (TimeoutError("its own"), "TimeoutError: its own"),
        (_Mute(), "_Mute"),
    ],
)
def test_whatever_it_raises_is_told_to_the_model(error: BaseException, word: str) -> None:
    value, sentence = answered(_raising(error))
    assert sentence
    assert word in sentence
    assert value == {"error": sentence}


def _endless() -> Json:
    value: list[Json] = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), b"bytes", {("a",): 1}])
def test_a_result_that_is_no_json_is_an_error(value: Any) -> None:
    found = answered(lambda: value)
    assert found.error
    assert "JSON" in found.error or "keys must be" in found.error
    assert answered(_endless).error


def test_functions_remember_from_one_call_to_the_next(trouble: Toolbox) -> None:
    assert ask(trouble, "remember", word="a") == (["a"], None)
    assert ask(trouble, "remember", word="b") == (["a", "b"], None)


def test_a_function_that_takes_too_long_is_ended(trouble: Toolbox, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    found = ask(trouble, "hang", file=str(pids))
    assert found.error == "TimeoutError: no result after 2 s"
    assert not any(_alive(int(pid)) for pid in pids.read_text().split())
    assert ask(trouble, "remember", word="c") == (["c"], None)


def test_functions_end_with_the_process_that_asked(trouble: Toolbox, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    if not (parent := os.fork()):
        ask(trouble, "hang", file=str(pids))
        os._exit(0)
    _until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    os.kill(parent, 9)
    os.waitpid(parent, 0)
    _until(lambda: not any(_alive(int(pid)) for pid in pids.read_text().split()))


def test_a_function_that_ends_its_process_is_an_error(trouble: Toolbox) -> None:
    assert ask(trouble, "leave", code=3).error == "It ended its process: exit code 3"
    assert ask(trouble, "remember", word="d") == (["d"], None)


def test_a_result_that_cannot_be_told_is_an_error(trouble: Toolbox) -> None:
    assert ask(trouble, "deep", levels=50).error is None
    for levels in (150, 900, 100_000):
        assert ask(trouble, "deep", levels=levels).error
    assert "JSON" in (ask(trouble, "odd").error or "")


def test_functions_that_cannot_be_found_are_an_error(tmp_path: Path) -> None:
    assert (ask(Toolbox(("nobody",), 5), "nobody").error or "").startswith("It ended its process")


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def _schema(name: str) -> dict[str, Json]:
    return {"type": "function", "function": {"name": name, "parameters": {}}}


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (Call("f", {"n": 1.0}), "one"),
        (Call("f", {"n": 2}), None),
        (Call("g", {}), {"error": "No result of g is given for these arguments."}),
        (Call("h", {}), {"error": "No tool is called 'h'. Choices: f, g."}),
    ],
)
def test_a_canned_result_answers_by_name_and_arguments(call: Call, value: Json) -> None:
    results = (Canned("f", "one", {"n": 1}), Canned("f", None), Canned("f", "never"))
    prompt = Prompt("p", USER, (_schema("f"), _schema("g")), results=results)
    found = Toolbox((), 5).answer(call, prompt)
    assert found.value == value
    assert (found.error is None) == (call.name == "f")


def test_canned_results_are_part_of_a_prompts_line() -> None:
    row = {
        "id": "p", "messages": list(USER),
        "results": [{"name": "f", "result": None}, {"name": "f", "result": 1, "arguments": {}}],
    }  # fmt: skip
    prompt = from_row(row, "")
    assert prompt.results == (Canned("f", None), Canned("f", 1, {}))
    assert to_row(prompt) == row


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ({}, "must be a list"),
        ([3], "each of 'results'"),
        ([{"name": "f"}], "'f' has no 'result'"),
        ([{"name": "f", "result": 1, "args": {}}], "unknown key 'args'"),
        ([{"name": "f", "result": 1, "arguments": []}], "must be an object"),
    ],
)
def test_canned_results_that_are_none_are_named(results: Json, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        from_row({"prompt": "hi", "results": results}, "")


def test_the_next_round_is_told_what_was_said_and_found() -> None:
    calls = (Call("f", {"x": "\ud800"}), Call("g", {}, "given"))
    results = [Result(calls[0], 0.0, True, 1.0, {"a": "é"}), Result(calls[1], 1.0, False, 2.0, "b")]
    answer, *told = said(Prompt("p", USER), Reply("so", "hm", calls), results)
    assert answer["content"] == "so"
    assert answer["reasoning_content"] == "hm"
    assert [call["id"] for call in answer["tool_calls"]] == ["call00001", "given"]
    assert answer["tool_calls"][0]["function"] == {"name": "f", "arguments": {"x": "?"}}
    assert [(t["name"], t["tool_call_id"], t["content"]) for t in told] == [
        ("f", "call00001", '{"a": "é"}'), ("g", "given", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [
        None,
        "{{ messages[0].content }}",
        "{% if messages | length > 1 %}{{ raise_exception('one message') }}{% endif %}",
    ],
)
def test_a_template_without_a_place_for_results_is_refused(template: str | None) -> None:
    prompts = [Prompt("p", USER), Prompt("q", USER, (_schema("f"),))]
    check("{{ messages[-1].content }}", prompts)
    with pytest.raises(Refused, match="a place for results"):
        check(template, prompts)


def test_results_that_a_template_does_not_take_end_the_rounds(tmp_path: Path) -> None:
    template = "{% if messages | length > 3 %}{{ raise_exception('one call only') }}{% endif %}"
    parser = registry().get("infra_parsers", "hermes")
    rounds = Rounds(Toolbox((), 5), parser, template, Journal(tmp_path), Clock(0.0))
    asked = Asked(0, Prompt("p", USER), "no")
    call = Call("f", {})
    following = rounds.after(asked, Reply(calls=(call,)))
    assert following
    assert (following.round, len(following.prompt.messages)) == (1, 3)
    assert rounds.after(asked, Reply(calls=(call, call))) is None
    assert rounds.after(asked, Reply("done")) is None
    *_, note = Reader(tmp_path).lines()
    assert b"one call only" in note


def test_functions_are_offered_beside_the_prompts_own_tools() -> None:
    prompt = Prompt("p", USER, (_schema("f"),))
    assert offered(prompt, [Function("f", get_weather)]) == prompt
    (tool,) = offered(Prompt("p", USER), [Function("w", get_weather)]).tools
    assert tool["function"]["name"] == "w"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (Keys(loop=-1), "tools.loop=-1 must be at least 0"),
        (Keys(timeout=0), "tools.timeout=0 must be a number of seconds above 0"),
        (Keys(timeout=float("inf")), "tools.timeout=inf must be"),
        (Keys(run=["a", "b"]), "tools.run=a,b needs tools.loop=N"),
        (Keys(loop=1), "no prompt offers tools"),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys: Keys, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        planned(keys, [Prompt("p", USER)])


def test_keys_that_fit_become_a_plan() -> None:
    assert planned(Keys(), [Prompt("p", USER)]) == Tools()
    assert planned(Keys(loop=1, run=["a", "a"]), []) == Tools(loop=1, run=("a",))
