"""plugins/toolcalls/formats/glm.py: calls as names and pairs of keys and values."""

import re

import pytest
from cases import Case, calls, check, tool

from infra.types import Call, Reply

INTEGER, STRING, ARRAY = {"type": "integer"}, {"type": "string"}, {"type": "array"}
F = tool("f", n=INTEGER, s=STRING, l=ARRAY)
KINDS = {
    "type": "object",
    "oneOf": [
        {"properties": {"kind": {"const": "text"}, "value": STRING}},
        {"properties": {"kind": {"const": "count"}, "value": INTEGER}},
    ],
}
UNION = {"type": "function", "function": {"name": "u", "parameters": KINDS}}


def written(name: str, space: str = "", **arguments: str) -> str:
    """A call as GLM-4.7 writes it, as GLM-4.5 with a line break for ``space``."""
    pairs = "".join(
        f"{space}<arg_key>{k}</arg_key>{space}<arg_value>{v}</arg_value>"
        for k, v in arguments.items()
    )
    return f"<tool_call>{name}{pairs}{space}</tool_call>"


def glm(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="glm45", text=text, reply=reply, tools=(F, UNION), problem=problem)


def holds(value: str) -> Case:
    """A string argument comes out as it went in."""
    return glm(written("f", s=value), calls(Call("f", {"s": value})))


ONE = calls(Call("f", {"n": 1}))
CALL = written("f", n="1")

CASES: list[Case] = [
    glm(CALL, ONE),
    glm(written("f", "\n", n="1"), ONE),
    glm(written("f", "\n    ", n=" 1 "), ONE),
    glm("<tool_call>f</tool_call>", calls(Call("f", {}))),
    glm("<tool_call>f\n</tool_call>", calls(Call("f", {}))),
    glm(f"{CALL}{CALL}", calls(*ONE.calls * 2)),
    glm(f"a{CALL}b{CALL}c", Reply("abc", "", ONE.calls * 2)),
    glm(written("f", n="1", s="1"), calls(Call("f", {"n": 1, "s": "1"}))),
    glm(written("g", n="1", o='{"a": 1}'), calls(Call("g", {"n": 1, "o": {"a": 1}}))),
    glm(written("get weather", k="1"), calls(Call("get weather", {"k": 1}))),
    glm(written("f", l='[{"id": "1"}]'), calls(Call("f", {"l": [{"id": "1"}]}))),
    glm(written("f", l='[{\\"id\\": \\"1\\"}]'), calls(Call("f", {"l": [{"id": "1"}]}))),
    # line breaks before and behind a key may be written as escapes
    glm(CALL.replace("f<", "f\\n<").replace("</arg_key>", "</arg_key>\\n"), ONE),
    glm(written("u", kind="text", value="7"), calls(Call("u", {"kind": "text", "value": "7"}))),
    glm(written("u", value="7", kind="count"), calls(Call("u", {"value": 7, "kind": "count"}))),
    # values are literal, white space too
    holds("    def f():\n        return 1\n"),
    holds('"quoted" & <b>tagged</b> &lt;'),
    holds("a </tool_call> or an </arg_value> in the text"),
    holds("東京 🙂"),
    holds(f"like {CALL} this"),
    holds("an <arg_key> or <arg_key> alone"),
    glm(
        written("f", n="1", s="a <arg_key> alone") + written("f", n="1", s="<arg_key>"),
        calls(*(Call("f", {"n": 1, "s": s}) for s in ("a <arg_key> alone", "<arg_key>"))),
    ),
    holds(""),
    # other ways that models write a call
    glm('<tool_call>{"name": "f", "arguments": {"n": 1}}</tool_call>', ONE),
    glm('<tool_call>f {"n": 1}</tool_call>', ONE),
    glm('<tool_call>f\n{"n": 1}', ONE),
    glm("<tool_call>f n=1 s='a b'</tool_call>", calls(Call("f", {"n": 1, "s": "a b"}))),
    # closers that are missing
    glm(CALL.removesuffix("</tool_call>"), ONE),
    glm(CALL.removesuffix("l_call>"), ONE),
    glm(f"{CALL.removesuffix('</tool_call>')}{CALL}", calls(*ONE.calls * 2)),
    glm(f"<tool_call>f{CALL}", calls(Call("f", {}), *ONE.calls)),
    glm(CALL.replace("</arg_key>", "\n"), ONE),
    # what cannot be read
    glm("<tool_call>f", Reply("f"), "not the whole"),
    glm("<tool_call>f<arg_key>", Reply(), "breaks off after the key"),
    glm("<tool_call>f<arg_key>s</arg_key><arg_value>hal", Reply(), "'s' is not closed"),
    glm(f"{CALL}<tool_call>f<arg_key>s", ONE, "breaks off after the key 's'"),
    glm("<tool_call>f<arg_key>s</arg_key></tool_call>", calls(Call("f", {})), "has no value"),
    glm(CALL.replace("f<", "f<arg_key>s</arg_key><"), ONE, "has no value"),
    glm(f"{CALL.replace('</arg_value>', '')}{CALL}", ONE, "'n' is not closed"),
    glm(f"<tool_call> </tool_call>{CALL}", ONE, "not the whole"),
    glm(f"<tool_call><arg_key>n</arg_key></tool_call>{CALL}", ONE, "where a name belongs"),
    glm(f"the <tool_call> tag is: {CALL}", Reply("the tag is:", "", ONE.calls), "belong"),
    glm("cut <tool_c", Reply("cut <tool_c")),
    # reasoning
    glm(f"<think>hm</think>{CALL}", Reply("", "hm", ONE.calls)),
    glm(f"<think>hm\n{CALL}", Reply("", "hm", ONE.calls)),
    glm(f"<think>not {CALL}</think>no", Reply("no", f"not {CALL}")),
    # the others
    *(
        Case(parser=name, text=CALL, reply=ONE, tools=(F,))
        for name in ("glm47", "ling3", "spark25", "poolside_v1", "laguna")
    ),
    Case(
        parser="hy_v3_opensource",
        text=CALL.replace(">", ":opensource>").replace("f<", "f<tool_sep:opensource><", 1),
        reply=ONE,
        tools=(F,),
    ),
    Case(
        parser="hy_v3",
        text=f"<tool_calls>{CALL.replace('f<', 'f<tool_sep><', 1)}</tool_calls>",
        reply=ONE,
        tools=(F,),
    ),
    Case(
        parser="hy_v3",
        text=(
            "Hi<tool_calls>\n<tool_call>f<tool_sep>\n<arg_key>n</arg_key>\n<arg_value>1</arg_value>"
            "\n</tool_call>\n<tool_call>g<tool_sep></tool_call>\n</tool_calls>"
        ),
        reply=Reply("Hi", "", (*ONE.calls, Call("g", {}))),
        tools=(F,),
    ),
    *(
        Case(
            parser=parser,
            text=(
                f"hm</think:{label}>Hi<tool_calls:{label}>\n<tool_call:{label}>f<tool_sep:{label}>\n"
                f"<arg_key:{label}>n</arg_key:{label}>\n<arg_value:{label}>1</arg_value:{label}>\n"
                f"</tool_call:{label}>\n</tool_calls:{label}>"
            ),
            reply=Reply("Hi", "hm", ONE.calls),
            tools=(F,),
            starts_in_reasoning=True,
        )
        for parser, label in (
            ("hy_v3", "opensource"),
            ("hunyuan", "opensource"),
            ("hy_v4", "a+b(c"),
            ("hy_v3_opensource", "opensource"),
            ("hy_v4", "6124c78e"),
        )
    ),
    Case(
        parser="hy_v3",
        text="a <tool_calls:no label> b <think: c </x:opensource> <tool_call:" + "a" * 65 + ">",
        reply=Reply(
            "a <tool_calls:no label> b <think: c </x:opensource> <tool_call:" + "a" * 65 + ">"
        ),
    ),
    Case(parser="hy_v3", text="cut <think:open", reply=Reply("cut <think:open")),
    Case(parser="ling3", text=f"Hi{CALL}<|role_end|>", reply=Reply("Hi", "", ONE.calls)),
    Case(
        parser="k2_horizon",
        text="<ifm|tool_calls>" + re.sub("<(/?)", r"<\1ifm|", CALL) + "</ifm|tool_calls>",
        reply=ONE,
        tools=(F,),
    ),
    Case(
        parser="k2_horizon",
        text=(
            "<ifm|tool_calls><ifm|tool_call>g<ifm|arg_key>s</ifm|arg_key><ifm|arg_type>string"
            "</ifm|arg_type><ifm|arg_value>1</ifm|arg_value></ifm|tool_call>\n"
            '<ifm|tool_call>{"name": "f", "arguments": {"n": "1"}}</ifm|tool_call>\n'
            "<ifm|tool_call>h</ifm|tool_call></ifm|tool_calls> after"
        ),
        reply=Reply("after", "", (Call("g", {"s": "1"}), *ONE.calls, Call("h", {}))),
        tools=(F,),
    ),
    *(
        Case(
            parser="k2_horizon",
            text=(
                f"<ifm|{tag}>a <ifm|tool_call>g</ifm|tool_call> b</ifm|{tag}>"
                "<ifm|tool_call>h</ifm|tool_call>"
            ),
            reply=Reply("", "a <ifm|tool_call>g</ifm|tool_call> b", (Call("h", {}),)),
        )
        for tag in ("think", "think_fast", "think_faster")
    ),
    Case(
        parser="k2_horizon",
        text="brief</ifm|think_fast> Done.",
        reply=Reply("Done.", "brief"),
        starts_in_reasoning=True,
    ),
    Case(
        parser="iquest_q1",
        text=(
            "<iquest_tool_call>f<arg_key>s</arg_key><arg_type>string</arg_type><arg_type>"
            "<arg_value>1</arg_value></iquest_tool_call>"
        ),
        reply=calls(Call("f", {})),
        problem="has no value",
    ),
    Case(
        parser="iquest_q1",
        text=CALL.replace("tool_call", "iquest_tool_call"),
        reply=ONE,
        tools=(F,),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parser} {case.text[:50]!r}")
def test_reads_keys_and_values(case: Case) -> None:
    check(case)
