"""DeepSeek up to V3.1: names and JSON between tokens, with a fence and without."""
# ruff: noqa: RUF001 - the tokens are written with this bar

import pytest
from cases import Case, calls, check

from infra.plugins import registry
from infra.types import Call, Reply

BEGIN, END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
OPEN, SEP, CLOSE = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
F, G = Call("f", {"a": 1}), Call("g", {})


def fenced(name: str = "f", arguments: str = '{"a": 1}') -> str:
    return f"{OPEN}function{SEP}{name}\n```json\n{arguments}\n```{CLOSE}"


def plain(name: str = "f", arguments: str = '{"a": 1}') -> str:
    return f"{OPEN}{name}{SEP}{arguments}{CLOSE}"


def v3(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="deepseek_v3", text=text, reply=reply, problem=problem)


def v31(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="deepseek_v31", text=text, reply=reply, problem=problem)


FENCED = [
    v3(f"{BEGIN}{fenced()}{END}", calls(F)),
    v3(f"Look.{BEGIN}{fenced()}\n{fenced('g', '{}')}{END} Done", Reply("Look. Done", "", (F, G))),
    v3(BEGIN + fenced(arguments='{"a": "```\\n{"}') + END, calls(Call("f", {"a": "```\n{"}))),
    v3(f'{BEGIN}{OPEN}function{SEP}f\n```json\n{{"a": 1}}```{CLOSE}{END}', calls(F)),
    v3(f'{BEGIN}{OPEN}function{SEP}f```json{{"a": 1}}', calls(F)),
    v3(f'<｜tool▁calls｜>function{SEP}f\n```json\n{{"a": 1}}\n```{CLOSE}{END}', calls(F)),
    v3(f"<｜tool_calls_begin｜>{fenced()}", calls(F)),
    v3(f"{BEGIN}{plain()}{END}", calls(F)),
    v3(f"{BEGIN}{fenced('g', '')}{END}", calls(G)),
    v3("```json\n{}\n``` is a fence", Reply("```json\n{}\n``` is a fence")),
    v3(BEGIN + fenced(arguments='{"a": 1') + fenced("g", "{}") + END, calls(G), "broken"),
    v3(f'{BEGIN}{OPEN}function{SEP}f\n```json\n{{"a":', Reply(), "breaks off"),
    v3(f"<think>hm{BEGIN}{fenced()}{END}", Reply("", "hm", (F,))),
]

PLAIN = [
    v31(f"{BEGIN}{plain()}{END}", calls(F)),
    v31(f"{BEGIN}{plain()}{plain('g', '{}')}{END} Done", Reply("Done", "", (F, G))),
    v31(f"Look.\n{plain()}", Reply("Look.", "", (F,))),
    v31(f"{BEGIN}{OPEN}g{SEP}{CLOSE}{END}", calls(G)),
    v31(f"Look.{BEGIN}f", Reply("Look."), "'f' stands where"),
    v31(f'{BEGIN}f{SEP}{{"a": 1}}{END}', Reply(), "stands where a tool call belongs"),
    v31(f"{BEGIN}{OPEN}f", Reply(), "'f' has no arguments"),
    v31(f"<think>{plain()}</think>{BEGIN}{plain()}", Reply("", plain(), (F,))),
    Case(
        parser="deepseek_v31",
        text=f"hm</think>{BEGIN}{plain()}{END}",
        reply=Reply("", "hm", (F,)),
        starts_in_reasoning=True,
    ),
]

CASES = [*FENCED, *PLAIN]


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.text[:60])
def test_deepseek(case: Case) -> None:
    check(case)


def test_the_fence_in_a_template_tells_the_versions_apart() -> None:
    names = ("deepseek_v3", "deepseek_v31")
    old, new = (registry().get("infra_parsers", name) for name in names)
    templates = (f"{BEGIN} ```json", BEGIN)
    assert [old.matches(each) for each in templates] == [True, False]
    assert [new.matches(each) for each in templates] == [False, True]
