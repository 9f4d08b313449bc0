"""plugins/toolcalls/formats/minimax.py: calls in XML, flat and nested."""

import pytest
from cases import Case, calls, check, tool

from infra.plugins import registry
from infra.types import Call, Reply, ToolSchema

PREFIX = "]<]minimax[>["


def m2(*invokes: str) -> str:
    return "<minimax:tool_call>\n" + "\n".join(invokes) + "\n</minimax:tool_call>"


def invoke(name: str, **arguments: str) -> str:
    lines = [f'<parameter name="{key}">{value}</parameter>' for key, value in arguments.items()]
    return "\n".join([f'<invoke name="{name}">', *lines, "</invoke>"])


def element(name: str, *inside: str) -> str:
    return f"{PREFIX}<{name}>{''.join(inside)}{PREFIX}</{name}>"


def m3(name: str, *elements: str) -> str:
    call = f'{PREFIX}<invoke name="{name}">{"".join(elements)}{PREFIX}</invoke>'
    return f"{PREFIX}<tool_call>\n{call}\n{PREFIX}</tool_call>"


ORDER = tool(
    "order",
    user={"type": "integer"},
    urgent={"type": "boolean"},
    note={"type": "string"},
    to={"type": "object", "properties": {"zip": {"type": "integer"}, "city": {"type": "string"}}},
    tags={"type": "array", "items": {"type": "string"}},
    lines={"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    either={"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "string"}]},
    labels={"type": "object", "additionalProperties": {"type": "string"}},
    item={"type": "integer"},
)


def case(
    parser: str,
    text: str,
    *made: Call,
    content: str = "",
    reasoning: str = "",
    problem: str | None = None,
    tools: tuple[ToolSchema, ...] = (),
    opened: bool = False,
) -> Case:
    reply = Reply(content, reasoning, made)
    return Case(
        parser=parser,
        text=text,
        reply=reply,
        tools=tools,
        starts_in_reasoning=opened,
        problem=problem,
    )


M2 = [
    case("minimax_m2", m2(invoke("f", a="5", b="x")), Call("f", {"a": 5, "b": "x"})),
    case("minimax_m2", m2(invoke("f", a="\nx\n")), Call("f", {"a": "x"})),
    case("minimax_m2", m2(invoke("f", a="  x\n")), Call("f", {"a": "  x\n"})),
    case("minimax_m2", m2(invoke("f"), invoke("g", b="y")), Call("f", {}), Call("g", {"b": "y"})),
    case(
        "minimax_m2",
        f"one {m2(invoke('f'))} two {m2(invoke('f'))}",
        *[Call("f", {}), Call("f", {})],
        content="one  two",
    ),
    case(
        "minimax_m2",
        m2(invoke("order", user="007", urgent="true", note="12", to='{"zip": "1"}')),
        Call("order", {"user": 7, "urgent": True, "note": "12", "to": {"zip": 1}}),
        tools=(ORDER,),
    ),
    case(
        "minimax_m2",
        m2(invoke("f", a='<b c="&amp;">\n  東京')),
        Call("f", {"a": '<b c="&amp;">\n  東京'}),
    ),
    case("minimax_m2", m2(invoke("f", a="\n  x\n\n")), Call("f", {"a": "  x\n"})),
    case(
        "minimax_m2",
        m2(invoke("f", a="see </parameter> here")),
        Call("f", {"a": "see </parameter> here"}),
    ),
    case(
        "minimax_m2",
        f"so</think>ok {m2(invoke('f'))}",
        Call("f", {}),
        content="ok",
        reasoning="so",
        opened=True,
    ),
    case("minimax_m2", f"so {m2(invoke('f'))}", Call("f", {}), reasoning="so", opened=True),
    case(
        "minimax_m2",
        f"<think>not {m2(invoke('f'))} yet</think>no",
        content="no",
        reasoning=f"not {m2(invoke('f'))} yet",
    ),
    case("minimax_m2", m2(invoke("f", a="1")).partition("</invoke>")[0], Call("f", {"a": 1})),
    case(
        "minimax_m2",
        m2(invoke("f", a="1", b="x|")).replace("|</parameter>\n", ""),
        Call("f", {"a": 1, "b": "x"}),
    ),
    case("minimax_m2", m2(invoke("f", a="cut")).partition("t</par")[0], problem="'a'"),
    case("minimax_m2", '<minimax:tool_call>\n<invoke name="f', problem="broken"),
    case("minimax_m2", m2("<invoke>x</invoke>", invoke("g")), Call("g", {}), problem="not a name"),
    case("minimax_m2", "hi <minimax:tool_c", content="hi <minimax:tool_c"),
    case("minimax_m2", "hi </minimax:tool_call>", content="hi"),
]

M3 = [
    case(
        "minimax_m3",
        m3("f", element("a", "null"), element("b", "null")),
        Call("f", {"a": None, "b": "null"}),
        tools=(tool("f", a={"type": ["string", "null"]}, b={"type": "string"}),),
    ),
    case(
        "minimax_m3", m3("f", element("a", "5"), element("b", "x")), Call("f", {"a": 5, "b": "x"})
    ),
    case("minimax_m3", m3("f") + m3("g"), Call("f", {}), Call("g", {})),
    case("minimax_m3", f"one {m3('f')} two", Call("f", {}), content="one  two"),
    case(
        "minimax_m3",
        m3(
            "f",
            element("l", element("item", "x"), element("item", "2")),
            element("o", element("k", "v")),
        ),
        Call("f", {"l": ["x", 2], "o": {"k": "v"}}),
    ),
    case(
        "minimax_m3",
        m3(
            "f",
            element("l", element("item", element("item", "1")), element("item", element("k", ""))),
        ),
        Call("f", {"l": [[1], {"k": ""}]}),
    ),
    case(
        "minimax_m3",
        m3(
            "order",
            element("user", " 7 "),
            element("urgent", "true"),
            element("note", "\n 5 <b> & c\n"),
            element("to", element("zip", "018956"), element("city", "12")),
            element("tags", element("item", "1"), element("item", "b")),
            element(
                "lines", element("item", element("n", "1")), element("item", element("n", "2"))
            ),
            element("labels", element("a", "1"), element("a", "2")),
        ),
        Call(
            "order",
            {
                "user": 7,
                "urgent": True,
                "note": "\n 5 <b> & c\n",
                "to": {"zip": 18956, "city": "12"},
                "tags": ["1", "b"],
                "lines": [{"n": 1}, {"n": 2}],
                "labels": {"a": ["1", "2"]},
            },
        ),
        tools=(ORDER,),
    ),
    case(
        "minimax_m3",
        m3("order", *(element(name) for name in ("tags", "to", "note", "either"))),
        Call("order", {"tags": [], "to": {}, "note": "", "either": ""}),
        tools=(ORDER,),
    ),
    case(
        "minimax_m3",
        m3("order", element("either", element("item", "1")), element("item", "4")),
        Call("order", {"either": [1], "item": 4}),
        tools=(ORDER,),
    ),
    case(
        "minimax_m3",
        m3(
            "f",
            element("o", "hi ", element("k", "v"), " there"),
            element("p", "x", element("$text", "y")),
        ),
        Call("f", {"o": {"k": "v", "$text": "hi  there"}, "p": {"$text": "y", "$$text": "x"}}),
    ),
    case(
        "minimax_m3",
        m3("f", element("o", element("tool_call", "v"))),
        Call("f", {"o": {"tool_call": "v"}}),
    ),
    case("minimax_m3", m3("f", element("a", f"{PREFIX} b")), Call("f", {"a": f"{PREFIX}b"})),
    case("minimax_m3", f"<mm:think>so</mm:think>{m3('f')}", Call("f", {}), reasoning="so"),
    case("minimax_m3", f"so {m3('f')}", Call("f", {}), reasoning="so", opened=True),
    case("minimax_m3", f"<mm:think>{m3('f')}</mm:think>no", content="no", reasoning=m3("f")),
    case("minimax_m3", m3("f", element("a", "1")).rpartition("]<]min")[0], Call("f", {"a": 1})),
    case("minimax_m3", m3("f", f"{PREFIX}<a>{PREFIX}<b>x"), Call("f", {"a": {"b": "x"}})),
    case("minimax_m3", m3("f", f"{PREFIX}<a>cut|").partition("|")[0], problem="breaks off"),
    case("minimax_m3", m3("f").partition("oke")[0], problem="no function"),
    case(
        "minimax_m3",
        m3("f", f"{PREFIX}<a>1{PREFIX}</b>") + m3("g"),
        Call("g", {}),
        problem="'/b' closes nothing",
    ),
    case(
        "minimax_m3",
        m3("f").replace(' name="f"', "") + m3("g"),
        Call("g", {}),
        problem="names no function",
    ),
    case(
        "minimax_m3",
        m3("f").replace(f"{PREFIX}</invoke>", f'{PREFIX}<invoke name="g">'),
        *[Call("f", {}), Call("g", {})],
    ),
    case("minimax_m3", f"a {PREFIX}<tool_call> tag", content="a tag", problem="no function"),
    case("minimax_m3", f"hi {PREFIX}<tool_ca", content=f"hi {PREFIX}<tool_ca"),
    case(
        "minimax_m3", f"{m3('f').rpartition(PREFIX)[0]}]a</mm:think>b", Call("f", {}), content="]ab"
    ),
]
CASES = M2 + M3


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text[:60])
def test_minimax(case: Case) -> None:
    check(case)


def test_no_depth_and_no_number_of_elements_is_too_much() -> None:
    parser = registry().get("infra_parsers", "minimax_m3")
    deep = f"{PREFIX}<n>" * 10**4
    assert parser.parse(m3("f", deep)).calls == ()
    assert parser.parse(m3("f", deep, f"{PREFIX}</n>" * 10**4)).calls == ()
    many = parser.parse(m3("f", element("n", "1") * 10**3))
    assert many == calls(Call("f", {"n": [1] * 10**3}))
