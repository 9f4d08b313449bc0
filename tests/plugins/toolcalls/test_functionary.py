"""Functionary: 3.1 tags calls, 3.2 addresses each part of the answer."""

import pytest
from cases import Case, calls, check

from infra.types import Call, Reply

F, G = Call("f", {"a": 1}), Call("g", {})


def tagged(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="functionary_v3.1", text=text, reply=reply, problem=problem)


def addressed(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="functionary_v3.2", text=text, reply=reply, problem=problem)


CASES = [
    tagged('<function=f>{"a": 1}</function>', calls(F)),
    tagged('a <function=f>{"a": 1}</function> b <function=g>{}', Reply("a  b", "", (F, G))),
    tagged('<function=f>{"a": "</function>"}</function>', calls(Call("f", {"a": "</function>"}))),
    tagged("<function=g></function>", calls(G)),
    tagged('<function=f>{"a": 1</function><function=g>{}</function>', calls(G), "broken"),
    tagged("1 > 0", Reply("1 > 0")),
    tagged("the <function= tag of old", Reply("the tag of old"), "'tag of old' follows"),
    tagged("<|python_tag|>print(1)<|eom_id|>", calls(Call("python", {"code": "print(1)"}))),
    tagged(
        'Look. <|python_tag|>x = {"a": 1}\n<function=g>{}</function>',
        Reply("Look.", "", (Call("python", {"code": 'x = {"a": 1}\n'}), G)),
    ),
    # the prompt has written the first >>>
    addressed("all\nHello,\nyou.", Reply("Hello,\nyou.")),
    addressed('f\n{"a": 1}', calls(F)),
    addressed('f\n{"a": 1}\n>>>g\n{}', calls(F, G)),
    addressed('f\n{"a": 1}\n>>>g\n{}<', calls(F, G)),
    addressed('all\nLook.\n>>>f\n{"a": 1}\n>>>all\nDone', Reply("Look.\n\nDone", "", (F,))),
    addressed('>>>f\n{"a": ">>>g\\n{}"}', calls(Call("f", {"a": ">>>g\n{}"}))),
    addressed(
        "python\nx = {1}\nprint(x)\n>>>g\n{}",
        calls(Call("python", {"code": "x = {1}\nprint(x)"}), G),
    ),
    addressed('python\n{"code": "1"}', calls(Call("python", {"code": "1"}))),
    addressed("Hello\nyou", Reply("Hello\nyou")),
    addressed("", Reply()),
    addressed("f", Reply("f")),
    addressed('f\n{"a": ', Reply(), "breaks off"),
    addressed("f\n{a}\n>>>g\n{}", calls(G), "broken"),
    addressed("all\nType >>> 1 + 1", Reply("Type  1 + 1"), "not said whom it is for"),
    addressed(">>>", Reply(), "not said whom it is for"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.text[:60])
def test_functionary(case: Case) -> None:
    check(case)
