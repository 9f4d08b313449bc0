"""Mistral: arrays behind a marker, names behind it, and both without their other markers."""

import pytest
from cases import Case, calls, check, tool

from infra.types import Call, Reply

M = "[TOOL_CALLS]"
F = Call("f", {"a": 1})
ROUTE = tool("route", days={"type": "integer"}, city={"type": "string"})


def case(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="mistral", text=text, reply=reply, problem=problem)


ARRAYS = [
    case(f'{M}[{{"name": "f", "arguments": {{"a": 1}}}}]', calls(F)),
    case(
        f'{M} [ {{"arguments": {{"name": "Bo"}}, "name": "g"}} ]', calls(Call("g", {"name": "Bo"}))
    ),
    case(
        f'{M}[{{"name": "f", "arguments": {{}}, "id": "a1B2c3D4e"}}]',
        calls(Call("f", {}, "a1B2c3D4e")),
    ),
    case(
        f'Well. {M}[{{"name": "f"}}, {{"name": "g"}}]',
        Reply("Well.", "", (Call("f", {}), Call("g", {}))),
    ),
    case(f"{M}[nothing]", Reply(), "broken"),
    case(f'{M} so: [{{"name": "f", "arguments": {{"a": 1}}}}', calls(F)),
]

NAMED = [
    case(f'{M}f[ARGS]{{"a": 1}}', calls(F)),
    case(f'{M}f{{"a": 1}}', calls(F)),
    case(f'{M}f[CALL_ID]a1B2c3D4e[ARGS]{{"a": 1}}', calls(Call("f", {"a": 1}, "a1B2c3D4e"))),
    case(f'{M}f[ARGS]{{"a": 1}}{M}get-x.y[ARGS]{{}}', calls(F, Call("get-x.y", {}))),
    case(
        f'{M}f[ARGS]{{"a": 1}}g[CALL_ID]a1B2c3D4e[ARGS]{{}}h',
        Reply("h", "", (F, Call("g", {}, "a1B2c3D4e"))),
    ),
    case(f'{M}f[ARGS]{{"a": 1}}g[ARGS]{{"a"', calls(F), "breaks off"),
    case(f'{{x{M} f [ARGS] {{"a": 1}}\nDone', Reply("{x\nDone", "", (F,))),
    case(
        f'{M}f[ARGS]{{"a": "{M}g[ARGS]{{}} \\"}}"}}', calls(Call("f", {"a": f'{M}g[ARGS]{{}} "}}'}))
    ),
    case(f'{M}f[ARGS]{{"a": "cut', Reply(), "breaks off"),
    case(f'{M}f[ARGS]{{a}}{M}f[ARGS]{{"a": 1}}', calls(F), "broken"),
    case(f"{M}f", calls(Call("f", {}))),
    Case(
        parser="mistral",
        text=f"{M}fin",
        reply=Reply(),
        tools=(tool("find"),),
        problem="'fin' has no arguments",
    ),
    case(f"Hi {M}f[ARGS]", Reply("Hi"), "'f' has no arguments"),
    case(f"The {M} marker is a token.", Reply("The marker is a token."), "marker is a token"),
    case("no [ARGS] here", Reply("no  here")),
    Case(
        parser="mistral",
        text=f'{M}route[ARGS]{{"days": "3", "city": "3"}}',
        reply=calls(Call("route", {"days": 3, "city": "3"})),
        tools=(ROUTE,),
    ),
]

REASONING = [
    case(f'[THINK]hm {M}g{{}}[/THINK]{M}f[ARGS]{{"a": 1}}', Reply("", f"hm {M}g{{}}", (F,))),
    case(f'[THINK]hm {M}f[ARGS]{{"a": 1}}', Reply("", "hm", (F,))),
    case("Before [THINK]a[/THINK] after", Reply("Before  after", "a")),
    Case(parser="mistral", text="a[/THINK]b", reply=Reply("b", "a"), starts_in_reasoning=True),
]

CASES = [*ARRAYS, *NAMED, *REASONING]


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.text[:50])
def test_mistral(case: Case) -> None:
    check(case)
