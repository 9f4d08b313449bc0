"""plugins/toolcalls/declared: the format is what the tokenizer says it is."""

import re
from typing import Any

import pytest
from cases import tool
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.calls.events import total
from infra.plugins import registry
from infra.types import Call, Reply

FUNCTION = {"type": "function", "function": "{content}"}
NAMED = {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}}
THOUGHT = {"open": "<think>", "close": "</think>"}
JSON: dict[str, Any] = {
    "reasoning_content": THOUGHT,
    "tool_calls": {"open": "<call>", "close": "</call>", "content": "json", "transform": FUNCTION},
    "content": {"close": ["<end>", "<end!>"]},
}
XML = {
    "tool_calls": {
        "open_pattern": r"\s*<call>\s*<f=(?P<name>[^>\n]+)>",
        "close_pattern": r"</f>\s*</call>",
        "content": "xml-inline",
        "content_args": {"tag_pattern": r"<p=(?P<key>\w+)>\s*(?P<value>.*?)\s*</p>"},
        "transform": NAMED,
    },
    "content": {},
}
LOOSE = {
    "tool_calls": {
        "open_pattern": r"call:(?P<name>\w+)",
        "close": ";",
        "content": "json",
        "content_args": {"unquoted_keys": True, "string_delims": [["«", "»"]]},
        "transform": NAMED,
    }
}
EACH = {
    "thinking": {"open_pattern": r"(?:^|<think>)", "close": "</think>"},
    "content": {"open": "<say>", "close_pattern": r"\n?</say>"},
    "tool_calls": {
        "open": "<act>", "close": "</act>", "content": "json", "transform_each": True,
        "transform": {"id": "{id}", "function": {"name": "{tool}", "arguments": "{with.all}"}},
    },
}  # fmt: skip
LENIENT = {"allow_non_json": True}
LINES = {
    "tool_calls": {
        "open_pattern": "!(?P<name>f)", "close": "!", "content": "kv-lines", "transform": NAMED,
        "content_args": {"kv_sep": "=", "value_parser": {"name": "json", "args": LENIENT}},
    }
}  # fmt: skip


def parser(fields: Any) -> Any:
    known = registry().get("infra_parsers", "response_template")
    return known.declared({"start_anchor": "<me>", "fields": fields})


F = '<call>{"name": "f", "arguments": {"a": 1}}</call>'
CALL = Call("f", {"a": 1})
READABLE: list[tuple[dict[str, Any], str, Reply]] = [
    (JSON, "", Reply()),
    (JSON, "Hi<end>", Reply("Hi")),
    (JSON, "Hi<end!>", Reply("Hi")),
    (JSON, f"<think>\nhm\n</think>\n\nHi {F} and {F}<end>", Reply("Hi  and", "hm", (CALL, CALL))),
    (JSON, F.removesuffix("</call>"), Reply(calls=(CALL,))),
    (JSON, f"<think>not {F} this</think>so", Reply("so", f"not {F} this")),
    (JSON, f"<think>so {F} done", Reply("done", "so", (CALL,))),
    (JSON, '<call>{"name": "f", "arguments": "{\\"a\\": 1}"}</call>', Reply(calls=(CALL,))),
    (JSON, '<call>{"name": "f"}</call>', Reply(calls=(Call("f", {}),))),
    (
        XML,
        "Hi\n<call>\n<f=g>\n<p=a>\n1 < 2\n</p>\n<p=b></p></f>\n</call>",
        Reply("Hi", calls=(Call("g", {"a": "1 < 2", "b": ""}),)),
    ),
    (
        LOOSE,
        'call:f{a:«x", {b: 1}»,b :{c:[true,«»]},"d, e:":2};',
        Reply(calls=(Call("f", {"a": 'x", {b: 1}', "b": {"c": [True, ""]}, "d, e:": 2}),)),
    ),
    (
        EACH,
        'hm</think> lost <say>Hi\n</say><act>[{"id": 3, "tool": "f", "with": {"all": {"a": 1}}}]',
        Reply("Hi", "hm", (Call("f", {"a": 1}, "3"),)),
    ),
    (LINES, "!f\na = 1\nno pair\nb=x=y\n!", Reply(calls=(Call("f", {"a": 1, "b": "x=y"}),))),
]


@pytest.mark.parametrize(("fields", "text", "reply"), READABLE, ids=[r[1][:40] for r in READABLE])
def test_reads_what_is_declared(fields: dict[str, Any], text: str, reply: Reply) -> None:
    assert repr(parser(fields).parse(text)) == repr(reply)


def test_schemas_decide_types() -> None:
    text = "<call><f=g><p=a>1</p><p=b>1</p></f></call>"
    tools = (tool("g", a={"type": "integer"}, b={"type": "string"}),)
    assert parser(XML).parse(text, tools).calls == (Call("g", {"a": 1, "b": "1"}),)


def test_text_is_what_the_schema_says_of_it() -> None:
    text = '<call><f=g><p=a>{"x": 1}</p><p=b>1.50</p><p=c>maybe</p></f></call>'
    either = {"anyOf": [{"type": "string"}, {"type": "object"}]}
    tools = (tool("g", a=either, b=either, c={"type": "boolean"}),)
    (call,) = parser(XML).parse(text, tools).calls
    assert call.arguments == {"a": {"x": 1}, "b": "1.50", "c": "maybe"}


def test_stretches_are_joined_as_declared() -> None:
    fields = {
        "thinking": {"open": "<t>", "close": "</t>", "repeats": True, "join": " "},
        "content": {"repeats": True, "join": "; "},
    }
    text = "<t>one</t>Hi<t>two</t>\n<t></t>you"
    assert parser(fields).parse(text) == Reply("Hi; you", "one two")
    fields["content"]["join"] = 3
    assert "join of field 'content' is no text" in parser(fields).parse("Hi").problems[0]


def test_a_prompt_may_have_opened_the_reasoning() -> None:
    assert parser(JSON).think == ("<think>", "</think>")
    assert parser(JSON).parse("hm</think>Hi", starts_in_reasoning=True) == Reply("Hi", "hm")
    assert parser(XML).parse("Hi", starts_in_reasoning=True) == Reply("Hi")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<call>{"name": </call>', "is broken: Expecting value"),
        ("<call>5</call>", "names no function"),
        ('<call>{"name": "f", "arguments": [1]}</call>', "are no JSON object"),
        (f"<call>{'[' * 10**5}</call>", "nested too deeply"),
    ],
)
def test_a_broken_call_is_a_problem_and_the_next_is_read(text: str, said: str) -> None:
    found = parser(JSON).parse(text + F)
    assert found.calls == (CALL,)
    assert said in found.problems[0]


def spoiled(**changes: Any) -> dict[str, Any]:
    return {"tool_calls": {**JSON["tool_calls"], **changes}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (None, "it declares no fields"),
        ({}, "it declares no fields"),
        ({"content": 5}, "'content' is no object"),
        ({"content": {}, "other": {}}, "more than one field has no opener: content, other"),
        (spoiled(content="yaml"), "has content 'yaml'"),
        (spoiled(content=[]), "has content []"),
        (spoiled(content_args=[1]), "content_args of field 'tool_calls'"),
        (spoiled(open=5), "5 is no marker"),
        (spoiled(open=[""]), "[''] is no marker"),
        (spoiled(close=None, close_pattern="("), "'(' is no regular expression"),
        (spoiled(close=None, close_pattern=5), "5 is no regular expression"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_a_problem(fields: Any, said: str) -> None:
    found = parser(fields).parse(f"Hi {F}")
    assert (found.content, found.calls) == (f"Hi {F}", ())
    assert said in found.problems[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"content": "xml-inline"},
        {"content": "xml-inline", "content_args": {"tag_pattern": "("}},
        {"content": "kv-lines", "content_args": {"kv_sep": 5}},
        {"content": "kv-lines", "content_args": {"line_sep": ""}},
        {"content": "kv-lines", "content_args": {"value_parser": {"name": "yaml"}}},
        {"content": "json", "content_args": {"string_delims": 5}},
        {"transform": "{content.name.first}"},
        {"transform": "{nothing}"},
        {"transform_each": True},
        {"content": "int"},
    ],
)
def test_details_that_cannot_be_used_are_problems(arguments: dict[str, Any]) -> None:
    found = parser(spoiled(**arguments)).parse('<call>{"name": "f: 1"}</call>')
    assert (found.calls, len(found.problems)) == ((), 1)


def test_what_matches_nothing_ends() -> None:
    """Empty matches count once at a place, and the end of the text is one."""
    endless = {
        "thinking": {"open_pattern": "x*", "close_pattern": "y*"},
        "content": {"close_pattern": "$"},
    }
    assert parser(endless).parse("abcxxy").problems == ()


@given(
    st.lists(st.sampled_from([*re.split(r"(\W)", F), *"<>!; \n", "«", "call:f{a:"])).map("".join)
)
@settings(deadline=None)
def test_any_text_gives_the_same_in_pieces(text: str) -> None:
    for fields in (JSON, XML, LOOSE, EACH, LINES):
        stream = parser(fields).stream()
        events = [event for character in text for event in stream.feed(character)]
        assert total([*events, *stream.close()]) == parser(fields).parse(text)


def test_a_chat_template_says_nothing_of_it() -> None:
    assert not parser(JSON).matches("<call>")
