"""plugins/toolcalls/formats/deepseek_dsml.py: arguments that say whether they are strings."""
# ruff: noqa: RUF001 - the tokens are written with this bar

import pytest
from cases import Case, check, tool

from infra.types import Call, Reply

WEATHER = tool("f", city={"type": "string"}, days={"type": "integer"})
F = Call("f", {})


def invoke(name: str, *parameters: tuple[str, str, str], space: str = "") -> str:
    bar = f"｜DSML｜{space}"
    lines = [
        f'<{bar}parameter name="{key}" string="{string}">{value}</{bar}parameter>'
        for key, string, value in parameters
    ]
    closed = f"</｜DSML｜{space}invoke>"
    return "\n".join([f'<｜DSML｜{space}invoke name="{name}">', *lines, closed])


def block(*invokes: str, outer: str = "tool_calls") -> str:
    return "\n".join([f"<｜DSML｜{outer}>", *invokes, f"</｜DSML｜{outer}>"])


#: text in V4 -> what it says
READABLE = {
    block(invoke("f")): Reply(calls=(F,)),
    block(invoke("f"), invoke("g", ("a", "true", "x"))): Reply(calls=(F, Call("g", {"a": "x"}))),
    f"one {block(invoke('f'))} two {block(invoke('f'))}": Reply("one  two", calls=(F, F)),
    block(
        invoke("f", ("a", "true", "5"), ("b", "false", "5"), ("c", "false", '[1, {"d": null}]'))
    ): Reply(calls=(Call("f", {"a": "5", "b": 5, "c": [1, {"d": None}]}),)),
    block(invoke("f", ("a", "true", ' <b> & "c"\n東京\n'), ("b", "false", "[no"))): Reply(
        calls=(Call("f", {"a": ' <b> & "c"\n東京\n', "b": "[no"}),)
    ),
    block(invoke("f", ("a", "true", "a </｜DSML｜parameter> b <｜DSML｜tool_calls> c"))): Reply(
        calls=(Call("f", {"a": "a </｜DSML｜parameter> b <｜DSML｜tool_calls> c"}),)
    ),
    block('<｜DSML｜invoke name="f">\n{"a": 1}\n</｜DSML｜invoke>'): Reply(
        calls=(Call("f", {"a": 1}),)
    ),
    invoke("f"): Reply(calls=(F,)),
    block(invoke("f", ("a", "true", "x")).removesuffix("</｜DSML｜invoke>")): Reply(
        calls=(Call("f", {"a": "x"}),)
    ),
    block(invoke("f", ("a", "true", "x")).replace("</｜DSML｜parameter>", "")): Reply(
        calls=(Call("f", {"a": "x\n"}),)
    ),
    f"<think>so</think>ok\n{block(invoke('f'))}": Reply("ok", "so", (F,)),
    f"<think>so\n{block(invoke('f'))}": Reply("", "so", (F,)),
    f"<think>{block(invoke('f'))}</think>no": Reply("no", block(invoke("f"))),
    "</think>hi": Reply("hi"),
    "<｜DSM some text": Reply("<｜DSM some text"),
}
CASES = [Case(parser="deepseek_v4", text=text, reply=reply) for text, reply in READABLE.items()]
CASES += [
    Case(
        parser="deepseek_v32",
        text=block(invoke("f", ("a", "true", "x")), outer="function_calls"),
        reply=Reply(calls=(Call("f", {"a": "x"}),)),
    ),
    Case(
        parser="deepseek_v41",
        text=block(invoke("f", ("a", "false", "1"), space=" "), outer=" calls"),
        reply=Reply(calls=(Call("f", {"a": 1}),)),
    ),
    Case(
        parser="deepseek_v41",
        text=f"so</think>\n\n{block(invoke('f', ('a', 'false', '1'), space=' '), outer=' calls')}",
        reply=Reply("", "so", (Call("f", {"a": 1}),)),
        starts_in_reasoning=True,
    ),
    Case(
        parser="deepseek_v4",
        text=block(invoke("f", ("city", "false", "7"), ("days", "true", "7"))),
        reply=Reply(calls=(Call("f", {"city": "7", "days": 7}),)),
        tools=(WEATHER,),
    ),
    *[
        Case(
            parser="deepseek_v4",
            text=block(invoke("f", (wrapper, string, '{"days": "7"}'))),
            reply=Reply(calls=(Call("f", {"days": 7}),)),
            tools=(WEATHER,),
        )
        for wrapper, string in (("arguments", "false"), ("input", "true"))
    ],
    Case(
        parser="deepseek_v4",
        text=block(invoke("f", ("arguments", "false", '{"sun": 1}'))),
        reply=Reply(calls=(Call("f", {"arguments": {"sun": 1}}),)),
        tools=(WEATHER,),
    ),
    Case(
        parser="deepseek_v4",
        text=block(invoke("f"), invoke("f", ("a", "true", "cut"))).partition("t</")[0],
        reply=Reply(calls=(F,)),
        problem="'a'",
    ),
    *(
        Case(
            parser="deepseek_v4",
            text=f"Hi {damaged}\n{block(invoke('f'))}",
            reply=Reply("Hi", "", (F,)),
        )
        for damaged in ("<｜DSML｜calls>", "<｜DSML｜tool_calls", "<｜DSML｜")
    ),
    Case(
        parser="gigachat35",
        text=block(invoke("f", ("city", "true", "7"))).replace("DSML", "GCML"),
        reply=Reply(calls=(Call("f", {"city": "7"}),)),
    ),
    Case(
        parser="gigachat35",
        text=(
            f"Hi\n{block(invoke('f', ('city', 'true', '7'), ('days', 'false', '7')))}"
            f"<|message_sep|>\n{invoke('f')}</s>"
        ).replace("DSML", "GCML"),
        reply=Reply("Hi", "", (Call("f", {"city": "7", "days": 7}), F)),
    ),
    Case(
        parser="deepseek_v4",
        text=block('<｜DSML｜invoke name="">', invoke("f")),
        reply=Reply(calls=(F,)),
        problem="broken",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text[:60])
def test_dsml(case: Case) -> None:
    check(case)
