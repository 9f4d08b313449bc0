"""plugins/toolcalls/formats/qwen3_coder.py: calls as tags, arguments as text between them."""

import pytest
from cases import Case, calls, check, tool

from infra.types import Call, Reply

INTEGER, STRING, OBJECT = {"type": "integer"}, {"type": "string"}, {"type": "object"}
F = tool("f", n=INTEGER, s=STRING, o=OBJECT, either={"type": ["string", "null"]})


def written(name: str, **arguments: str) -> str:
    """A call as Qwen3-Coder writes it."""
    parameters = "".join(f"<parameter={k}>\n{v}\n</parameter>\n" for k, v in arguments.items())
    return f"<tool_call>\n<function={name}>\n{parameters}</function>\n</tool_call>"


def qwen(text: str, reply: Reply, problem: str | None = None, opened: bool = False) -> Case:
    return Case(
        parser="qwen3_coder",
        text=text,
        reply=reply,
        tools=(F,),
        problem=problem,
        starts_in_reasoning=opened,
    )


def holds(value: str) -> Case:
    """A string argument comes out as it went in."""
    return qwen(written("f", s=value), calls(Call("f", {"s": value})))


ONE = calls(Call("f", {"n": 1}))
CALL = written("f", n="1")

CASES: list[Case] = [
    qwen(CALL, ONE),
    qwen(written("f"), calls(Call("f", {}))),
    qwen(f"Let me see.\n{CALL}", Reply("Let me see.", "", ONE.calls)),
    qwen(f"a{CALL}b{CALL}c", Reply("abc", "", ONE.calls * 2)),
    qwen(f"{CALL}\n{CALL}", calls(*ONE.calls * 2)),
    qwen(written("f", n="1", s="1"), calls(Call("f", {"n": 1, "s": "1"}))),
    qwen(written("f", s=""), calls(Call("f", {"s": ""}))),
    qwen(written("g", n="1", s="x"), calls(Call("g", {"n": 1, "s": "x"}))),
    qwen(written("f", n="many"), calls(Call("f", {"n": "many"}))),
    qwen(written("f", o='{"a": [1, null]}'), calls(Call("f", {"o": {"a": [1, None]}}))),
    qwen(written("f", o="{'a': True}"), calls(Call("f", {"o": {"a": True}}))),
    qwen(written("f", o="\"{'a': 1}\""), calls(Call("f", {"o": {"a": 1}}))),
    qwen(written("f", o="{1, 2}"), calls(Call("f", {"o": "{1, 2}"}))),
    qwen(written("f", either="null", s="null"), calls(Call("f", {"either": None, "s": "null"}))),
    qwen(written("f", other="[1, 2]", more="x"), calls(Call("f", {"other": [1, 2], "more": "x"}))),
    # values are literal
    holds("  indented\n\n    twice\n"),
    holds("a < b && c > d; <b>&lt;</b> \"quoted\" 'so' \\n"),
    holds("東京 🙂"),
    holds('{"a": 1}'),
    holds("see </function> and </tool_call>, <tool_call> and </parameter> here"),
    holds('"<parameter=n>\\n", "</parameter>",\n"<function=g>"'),
    holds('lines = [\n  "<tool_call>\\n",\n  "<parameter=n>\\n",\n  "</function>\\n",\n]'),
    holds(f'doc = """\n{CALL}\n"""'),
    holds(f'"""\n{CALL}\n{written("f", n="1", s="2", o="3")}\n"""'),
    # an outer tag that is missing or holds several, closers that are missing
    qwen(CALL.removeprefix("<tool_call>\n"), ONE),
    qwen(CALL.removesuffix("\n</tool_call>") + "\nDone.", Reply("Done.", "", ONE.calls)),
    qwen(CALL.removesuffix("\n</function>\n</tool_call>"), ONE),
    qwen(CALL.removesuffix("nction>\n</tool_call>"), ONE),
    qwen(CALL.replace("</parameter>\n", ""), ONE),
    qwen(CALL.replace("\n</parameter>\n", ""), ONE),
    qwen(CALL.replace("</parameter>\n", "") * 2, calls(*ONE.calls * 2)),
    qwen(CALL.replace("</parameter>\n", "") + CALL, calls(*ONE.calls * 2)),
    qwen(CALL.replace("</parameter>", "</parameter1>"), ONE),
    qwen(CALL.replace("\n</tool_call>", f"\n{CALL[12:]}"), calls(*ONE.calls * 2)),
    qwen(CALL.replace("\n</function>\n</tool_call>", f"\n{CALL}"), calls(*ONE.calls * 2)),
    qwen(
        "<tool_call><function=f><parameter=s>a<parameter=n>1</parameter></function></tool_call>",
        calls(Call("f", {"s": "a", "n": 1})),
    ),
    qwen("<function=f\n<parameter=n\n1</parameter></function>", ONE),
    qwen('<tool_call><function=f>{"n": 1}</function></tool_call>', ONE),
    qwen('<tool_call><function="f"><parameter="n">1</parameter></function></tool_call>', ONE),
    # what cannot be read
    qwen("<tool_call>\n<function=f>\n<parameter=s>\nhal", Reply(), "'s' is not closed"),
    qwen("<tool_call>\n<function=f>\n<parameter", Reply(), "breaks off"),
    qwen("<tool_call>\n<function=f>\n", Reply(), "breaks off"),
    qwen(f"<tool_call>\n<function=g\n</function>\n</tool_call>{CALL}", ONE, "not a name"),
    qwen(f"<tool_call>\n<function=g</function>\n</tool_call>{CALL}", ONE, "not a name"),
    qwen(f"<tool_call><function=>x</function></tool_call>{CALL}", ONE, "not a name"),
    qwen(f'<function=f>{{"n": }}</function>{CALL}', ONE, "belongs"),
    qwen(f'<function=f>{{"n": {"9" * 5000}}}</function>{CALL}', ONE, "4300"),
    qwen("the <tool_call> tag", Reply("the tag"), "no tag with a function's name"),
    qwen("<function=f>, then", Reply(", then"), "breaks off"),
    qwen("<function=f>then</function>", Reply("then"), "stands where arguments belong"),
    qwen("cut <tool_c", Reply("cut <tool_c")),
    # reasoning
    qwen(f"<think>hm</think>\n\n{CALL}", Reply("", "hm", ONE.calls)),
    qwen(f"<think>not {CALL}</think>no", Reply("no", f"not {CALL}")),
    qwen(f"so\n{CALL}", Reply("", "so", ONE.calls), opened=True),
    qwen(f"so</think>{CALL}", Reply("", "so", ONE.calls), opened=True),
    # the others
    *(
        Case(parser=name, text=CALL, reply=ONE, tools=(F,))
        for name in ("qwen3_xml", "step3p5", "nemotron_v3", "granite_thinking", "nanbeige")
    ),
    Case(
        parser="minicpmv",
        text=f"<think>h<reserved_12>m</think><reserved_13>a<|reserved_14|>b{CALL}<|reserved_15|>",
        reply=Reply("ab", "hm", ONE.calls),
        tools=(F,),
    ),
    Case(
        parser="mimo",
        text="<tool_call><function=f><parameter=s>\n a\n</parameter></function></tool_call>",
        reply=calls(Call("f", {"s": "\n a\n"})),
        tools=(F,),
    ),
    Case(
        parser="seed_oss",
        text=CALL.replace("tool_call", "seed:tool_call"),
        reply=ONE,
        tools=(F,),
    ),
    Case(
        parser="seed_oss",
        text=f"<seed:think>so</seed:think>{CALL.replace('tool_call', 'seed:tool_call')}",
        reply=Reply("", "so", ONE.calls),
        tools=(F,),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parser} {case.text[:50]!r}")
def test_reads_tagged_parameters(case: Case) -> None:
    check(case)
