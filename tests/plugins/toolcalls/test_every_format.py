"""What must hold for every parser, whatever the text: its examples, cut, spliced and repeated."""

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest
from cases import Case
from collected import PARSERS, examples, markers, vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.calls.events import Arguments, CallEnd, CallStart, Event, total
from infra.protocols import Parser
from infra.types import Call, ToolSchema

EXAMPLES = examples()
LONG, DEEP = 20_000, 100_000
#: formats in which a marker can be text that is meant for people, and where
TEXT = {
    "llama3_json": "inside JSON that is no call",
    "xlam": "inside JSON that is no call",
    "muse_glimmer": "in a message to nobody",
}
#: what parsers of any format may stumble over
TROUBLE = [
    *("\n", " ", ",", ";", '"', "'", "\\", "{", "}", "[", "]", "(", ")", "<", ">", "</", "=", ":"),
    *("null", "True", "-1.5e3", "9" * 5000, "[" * 200, "]" * 200, "```", "\r", "\ud83d", "\udc00"),
    *("\x00", "ü", "🙂", "\u2028", '{"name": "f", "arguments": {"a": 1}}', "f(a=1)", "words "),
]


def in_pieces(parser: Parser, case: Case, cuts: list[int]) -> list[Event]:
    stream = parser.stream(case.tools, case.starts_in_reasoning)
    places = [0, *sorted(cut for cut in cuts if cut < len(case.text)), len(case.text)]
    events = [event for a, b in pairwise(places) for event in stream.feed(case.text[a:b])]
    return [*events, *stream.close()]


def check(name: str, case: Case, cuts: list[int]) -> None:
    """Read at once and in pieces: the same, and told in order."""
    parser = PARSERS[name]
    whole = parser.parse(case.text, case.tools, case.starts_in_reasoning)
    events = in_pieces(parser, case, cuts)
    assert repr(total(events)) == repr(whole)
    assert repr(list(told_calls(events))) == repr(list(whole.calls))


def told_calls(events: list[Event]) -> Iterator[Call]:
    """The calls, if each is told from its start to its end before the next, numbered from 0."""
    open_call: CallStart | None = None
    texts: list[str] = []
    count = 0
    for event in events:
        if isinstance(event, CallStart):
            assert (open_call, event.index) == (None, count)
            open_call, texts, count = event, [], count + 1
        elif isinstance(event, Arguments | CallEnd):
            assert open_call
            assert event.index == open_call.index
            if isinstance(event, Arguments):
                texts.append(event.text)
                continue
            arguments = json.loads("".join(texts))
            assert isinstance(arguments, dict)
            yield Call(open_call.name, arguments, open_call.id)
            open_call = None
    assert open_call is None


def spliced(name: str) -> st.SearchStrategy[str]:
    """Parts of the format's examples, its markers whole and broken, and trouble."""
    texts = [case.text[:500] for case in EXAMPLES[name]] or ["words"]
    known = vocabulary(name) or ["<tool_call>"]
    part = st.sampled_from(texts).flatmap(
        lambda text: st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(
            lambda ends: text[min(ends) : max(ends)]
        )
    )
    splinter = st.sampled_from(known).flatmap(
        lambda marker: st.integers(1, len(marker)).map(lambda size: marker[:size])
    )
    anything = st.text(st.characters(exclude_categories=[]), max_size=4)
    several = st.tuples(part | st.sampled_from(known), st.integers(2, 4)).map(lambda t: t[0] * t[1])
    one = st.one_of(
        st.sampled_from(texts), part, st.sampled_from(known), splinter, several,
        st.sampled_from(TROUBLE), anything,
    )  # fmt: skip
    return st.lists(one, max_size=8).map("".join)


CUTS = st.lists(st.integers(1, 300), max_size=12)


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_text_in_any_pieces(name: str, data: st.DataObject) -> None:
    tools: tuple[ToolSchema, ...] = data.draw(
        st.sampled_from([(), *(case.tools for case in EXAMPLES[name])])
    )
    text, opened = data.draw(spliced(name)), data.draw(st.booleans())
    case = Case(parser=name, text=text, reply=None, tools=tools, starts_in_reasoning=opened)  # type: ignore[arg-type]  # nothing is expected of it
    check(name, case, data.draw(CUTS))
    check(name, case, list(range(1, len(text))))


@pytest.mark.parametrize("name", PARSERS)
@given(st.text(st.characters(exclude_categories=[])))
@settings(max_examples=30, deadline=None)
def test_any_string_is_read(name: str, text: str) -> None:
    for before in ("", *markers(name)[:3]):
        PARSERS[name].parse(before + text)


@pytest.mark.parametrize("name", [name for name in PARSERS if name not in TEXT])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_no_marker_leaks_into_content(name: str, data: st.DataObject) -> None:
    whole = [case.text for case in EXAMPLES[name] if not case.problem and len(case.text) < 500]
    parts = st.sampled_from([*markers(name), *whole, " words ", "\n", '{"a": 1}', ","])
    text = data.draw(st.lists(parts, max_size=6).map("".join))
    content = PARSERS[name].parse(text).content
    assert [marker for marker in markers(name) if marker in content] == []


@pytest.mark.parametrize("name", [name for name in PARSERS if EXAMPLES[name]])
def test_every_cut_of_every_example_is_read(name: str) -> None:
    for case in EXAMPLES[name]:
        for end in range(min(len(case.text), 300)):
            PARSERS[name].parse(case.text[:end], case.tools, case.starts_in_reasoning)


def hostile(name: str) -> Iterator[str]:
    """Long texts on which something that recurs, overflows or looks back would not end."""
    halves = {case.text[: len(case.text) // 2][:LONG] for case in EXAMPLES[name][:5]} - {""}
    heads = [*markers(name)[:4], *halves]
    yield from (head + "[" * DEEP + "]" * DEEP for head in heads[:2])
    for head in heads:
        yield head * (LONG // len(head))
        yield head + '{"name": "f", "arguments": {"a": ' + "9" * 5000 + "}}"
        yield from (head + again * LONG for again in ('{"a":', '"', "\\", "<", " "))


@pytest.mark.parametrize("name", PARSERS)
def test_hostile_text_ends(name: str) -> None:
    for text in hostile(name):
        whole = PARSERS[name].parse(text)
        stream = PARSERS[name].stream()
        pieces = (text[at : at + 999] for at in range(0, len(text), 999))
        events = [event for piece in pieces for event in stream.feed(piece)]
        assert total([*events, *stream.close()]) == whole
