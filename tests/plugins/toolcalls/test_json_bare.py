"""plugins/toolcalls/cores/json_bare.py: calls in free text, among other JSON."""

import pytest
from cases import Case, calls, check, tool

from infra.calls.events import Content, total
from infra.plugins import registry
from infra.types import Call, Reply

F = '{"name": "f", "parameters": {"a": 1}}'
G = '{"name": "g", "arguments": {}}'
CALL, OTHER = Call("f", {"a": 1}), Call("g", {})
QUOTED = """{'name': 'f', 'arguments': {'t': True, 'n': None, 'q': 'it\\'s "1"', 'd': "o'k"}}"""

#: of both formats: text -> what it says; none of them has a problem
READABLE = {
    F: calls(CALL),
    f"{F}; {G} ;\n{F}": calls(CALL, OTHER, CALL),
    f"{F}\n{G}": calls(CALL, OTHER),
    f"[{F}, {G}]": calls(CALL, OTHER),
    f"[{F}": calls(CALL),
    f"Here: {F} More?": Reply("Here:  More?", "", (CALL,)),
    f"{F}; and": Reply("and", "", (CALL,)),
    f"a {F}; b {G} c": Reply("a  b  c", "", (CALL, OTHER)),
    f'{F} I used {{f}} with {{"q": "t"}} and [1, 2].': Reply(
        'I used {f} with {"q": "t"} and [1, 2].', "", (CALL,)
    ),
    f"<think>maybe {F}</think>{G}": Reply("", f"maybe {F}", (OTHER,)),
    f"<think>maybe {F}": Reply("", f"maybe {F}"),
    f"{{x {F}": Reply("{x", "", (CALL,)),
    f'{{"a": x, {F}': Reply('{"a": x,', "", (CALL,)),
    '{"name": "f", "parameters": {"s": "{x} [y] \\"}\\""}}': calls(Call("f", {"s": '{x} [y] "}"'})),
    '{"type": "function", "name": "g", "parameters": null}': calls(OTHER),
    '{"name": "g", "parameters": "{}"}': calls(OTHER),
    '{"name": "f", "parameters": {"a": 1}, "arguments": {"a": 2}}': calls(CALL),
    '{"name": "f", "arguments": {"a": 1}, "parameters": {"a": 2}}': calls(CALL),
    **{
        text: Reply(text)
        for text in (
            *('{"parameters": {}}', '{"name": "f"}', '{"name": 5, "parameters": {}}', "{}", "[]"),
            *('{"name": "", "parameters": {}}', '[{"a": 1}, 2]', "{", "[", '{"a": "', "a [b](c)"),
            *('{"x": {"name": "f", "parameters": {}}}', "[[1, {}]", "{hello world[A(A=(A=,}", "[{"),
        )
    },
}  # fmt: skip

#: parser, text, what it says, words of the problem
SINGLE: list[tuple[str, str, Reply, str | None]] = [
    ("llama3_json", f"<|python_tag|>{F}<|eom_id|>", calls(CALL), None),
    ("llama4_json", f"Hi <|python_tag|>{F};{G}", Reply("Hi", "", (CALL, OTHER)), None),
    (
        "llama3",
        QUOTED,
        calls(Call("f", {"t": True, "n": None, "q": 'it\'s "1"', "d": "o'k"})),
        None,
    ),
    ("llama3", "{'a', 'b'} {don't} {'x': True}", Reply("{'a', 'b'} {don't} {'x': True}"), None),
    ("llama3", f'<|python_tag|>{{"name": bad}};{F}', calls(CALL), "broken"),
    ("llama3", '<|python_tag|>search.call(q="x")', Reply('search.call(q="x")'), "JSON belongs"),
    ("llama3", "<|python_tag|>[1]", Reply(), "names no function"),
    (
        "llama3",
        '{"name": "f", "parameters": {a}',
        Reply('{"name": "f", "parameters": {a}'),
        "broken",
    ),
    ("llama3", '{"name": "f", "param', Reply('{"name": "f", "param'), "breaks off"),
    ("llama3", '{"name": "f", "parameters": 5}', Reply(), "no JSON object"),
    (
        "llama3",
        '{"name": "f", "parameters": {"a": 1e999}}',
        Reply('{"name": "f", "parameters": {"a": 1e999}}'),
        "beyond any double",
    ),
    ("xlam", f"Hi\n```json\n[{F}]\n```", Reply("Hi", "", (CALL,)), None),
    ("xlam", f"```\n{F}\n{G}\n```\nok", Reply("ok", "", (CALL, OTHER)), None),
    ("xlam", f"```json\n{F}", calls(CALL), None),
    ("xlam", '```json\n{"a": 1}\n```', Reply('```json\n{"a": 1}\n```'), None),
    ("xlam", "```py\nx[0]\n``` `y`", Reply("```py\nx[0]\n``` `y`"), None),
    ("xlam", f"Hi[TOOL_CALLS][{F}]", Reply("Hi", "", (CALL,)), None),
    ("xlam", f"Hi<tool_call>[{F}]</tool_call>", Reply("Hi", "", (CALL,)), None),
    ("xlam", f'[{F}, {{"name": "g", "arg', calls(CALL), "breaks off"),
    ("xlam", f"[{F}, 5, {G}]", calls(CALL, OTHER), "names no function"),
]

CASES: list[Case] = [
    *(
        Case(parser=parser, text=text, reply=reply)
        for parser in ("llama3_json", "xlam")
        for text, reply in READABLE.items()
    ),
    *(
        Case(parser=parser, text=text, reply=reply, problem=problem)
        for parser, text, reply, problem in SINGLE
    ),
    Case(
        parser="llama3_json",
        text=F.replace("1", '"1"'),
        reply=calls(CALL),
        tools=(tool("f", a={"type": "integer"}),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parser}: {case.text[:50]}")
def test_reads(case: Case) -> None:
    check(case)


def test_a_stream_holds_back_only_what_may_be_a_call() -> None:
    stream = registry().get("infra_parsers", "llama3_json").stream()
    assert total(stream.feed("see [the page]")) == Reply("see [the page]")
    assert stream.feed('{"q": [1, ') == []
    assert stream.feed("2]}") == [Content('{"q": [1, 2]}')]
    assert total(stream.feed('{"q" is')) == Reply('{"q" is')
    assert stream.feed(F[:-1]) == []
    assert total(stream.feed("}")) == Reply(calls=(CALL,))


@pytest.mark.parametrize("filler", ['{"a":', "{{", "[{", '{"', "{'a':'", f"[{G},1,", "```json\n["])
def test_hostile_text_ends_soon(filler: str) -> None:
    """Quadratic work would take minutes here."""
    for parser in ("llama3_json", "xlam"):
        stream = registry().get("infra_parsers", parser).stream()
        for at in range(0, len(filler) * 3_000, 7):
            stream.feed((filler * 8)[at % len(filler) :][:7])
        stream.close()
