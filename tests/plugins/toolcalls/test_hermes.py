"""plugins/toolcalls: texts taken apart, at once and in any pieces."""

import json
from itertools import pairwise

import pytest
from cases import Case
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.calls.events import CallStart, Content, Event, Reasoning, total
from infra.plugins import bundled, registry
from infra.types import Call, Generation, Prompt, Record, Reply, ToolSchema

HERMES = registry().get("infra_parsers", "hermes")
METRIC = registry().get("infra_metrics", "tool_call_exact")

F = '{"name": "f", "arguments": {"a": 1}}'
CALL = Call("f", {"a": 1})


def tagged(text: str = F) -> str:
    return f"<tool_call>\n{text}\n</tool_call>"


#: text -> what it says; none of them has a problem
READABLE = {
    "": Reply(),
    " \n ": Reply(),
    "Just words.\n": Reply("Just words."),
    tagged(): Reply(calls=(CALL,)),
    f"<tool_call>{F}</tool_call>": Reply(calls=(CALL,)),
    f"{tagged()}\n{tagged()}": Reply(calls=(CALL, CALL)),
    f"Let me look.\n{tagged()}": Reply("Let me look.", calls=(CALL,)),
    f"before {tagged()}\n{tagged()}\n\n{tagged()} after": Reply(
        "before  after", "", (CALL, CALL, CALL)
    ),
    f"before {tagged()} between {tagged()} after": Reply(
        "before  between  after", "", (CALL, CALL)
    ),
    # reasoning
    f"<think>\nhm\n</think>\n\n{tagged()}": Reply("", "hm", (CALL,)),
    "<think></think>Hi": Reply("Hi"),
    "<think>a</think>b<think>c</think>d": Reply("bd", "ac"),
    "<think>never closed": Reply("", "never closed"),
    f"<think>not {tagged()} this</think>but {tagged()}": Reply(
        "but", f"not {tagged()} this", (CALL,)
    ),
    f"<think>so: {tagged()} done": Reply("done", "so:", (CALL,)),
    f"<think>so: {tagged()} <think>and {tagged()}": Reply("", "so: and", (CALL, CALL)),
    "<think>a <tool_call> is a tag</think>b": Reply("b", "a <tool_call> is a tag"),
    # the end is missing
    f"<tool_call>{F}": Reply(calls=(CALL,)),
    f"<tool_call>{F}</tool_": Reply(calls=(CALL,)),
    f"<tool_call>{F}\n<": Reply(calls=(CALL,)),
    f"<tool_call>{F}</tools>": Reply("</tools>", calls=(CALL,)),
    f"<tool_call>{F}<tool_call>{F}": Reply(calls=(CALL, CALL)),
    f"<tool_call>{F} words": Reply("words", calls=(CALL,)),
    "cut <tool_c": Reply("cut <tool_c"),
    "a </tool_call> closer": Reply("a  closer"),
    "thought</think>": Reply("thought"),
    # several in one tag
    tagged(f"[{F}, {F}]"): Reply(calls=(CALL, CALL)),
    tagged(f"{F}\n{F}"): Reply(calls=(CALL, CALL)),
    tagged(f"{F}; {F}"): Reply(calls=(CALL, CALL)),
    # shapes of a call
    tagged('{"name": "f", "parameters": {"a": 1}}'): Reply(calls=(CALL,)),
    tagged('{"arguments": {"a": 1}, "name": "f", "id": "call_9"}'): Reply(
        calls=(Call("f", {"a": 1}, "call_9"),)
    ),
    tagged('{"name": "f", "arguments": {}, "id": 3}'): Reply(calls=(Call("f", {}, "3"),)),
    tagged('{"name": "f"}'): Reply(calls=(Call("f", {}),)),
    tagged('{"name": "f", "arguments": null}'): Reply(calls=(Call("f", {}),)),
    tagged('{"name": "f", "arguments": ""}'): Reply(calls=(Call("f", {}),)),
    tagged('{"name": "f", "arguments": "{\\"a\\": 1}"}'): Reply(calls=(CALL,)),
    tagged(json.dumps({"name": "f", "arguments": json.dumps(json.dumps({"a": 1}))})): Reply(
        calls=(CALL,)
    ),
    # values
    tagged('{"name": "f", "arguments": {"a": "</tool_call> }] <tool_call>"}}'): Reply(
        calls=(Call("f", {"a": "</tool_call> }] <tool_call>"}),)
    ),
    tagged('{"name": "f", "arguments": {"a": "say \\"{\\" \\\\"}}'): Reply(
        calls=(Call("f", {"a": 'say "{" \\'}),)
    ),
    tagged('{"name": "f", "arguments": {"a": "two\nlines"}}'): Reply(
        calls=(Call("f", {"a": "two\nlines"}),)
    ),
    tagged('{"name": "f", "arguments": {"a": "\\ud83d\\ude42 東京 \\u00e9"}}'): Reply(
        calls=(Call("f", {"a": "🙂 東京 é"}),)
    ),
    tagged('{"name": "f", "arguments": {"a": "\\ud83d"}}'): Reply(
        calls=(Call("f", {"a": "\ud83d"}),)
    ),
    tagged('{"name": "f", "arguments": {"a": [-1.5e3, 9223372036854775807, true, {"b": {}}]}}'): (
        Reply(calls=(Call("f", {"a": [-1500.0, 2**63 - 1, True, {"b": {}}]}),))
    ),
}

#: text -> what is left of it, and words of the problem
BROKEN = {
    tagged("{'name': 'f'}"): (Reply(), "broken"),
    tagged('{"name": "f", "arguments": {}') + " after": (Reply("after"), "broken"),
    tagged('{"name": f}') + tagged(): (Reply(calls=(CALL,)), "'f' is no JSON value"),
    f'<tool_call>{{"name": "f, "arguments": 1}}\n{tagged()}': (Reply(calls=(CALL,)), "broken"),
    '<tool_call>{"name": "f", "argum': (Reply(), "breaks off"),
    tagged('{"name": "f", "arguments": {"a": NaN}}'): (Reply(), "NaN"),
    tagged('{"name": "f", "arguments": {"a": 1e999}}'): (Reply(), "beyond any double"),
    tagged('{"name": "f", "arguments": {"a": 01}}'): (Reply(), "no JSON value"),
    tagged('{"name": "f", "arguments": {"a": "\\x"}}'): (Reply(), "escape"),
    tagged(f'{{"name": "f", "arguments": {{"a": {"9" * 5000}}}}}'): (Reply(), "4300"),
    tagged(f'{{"name": "f", "arguments": {{"a": {"[" * 200}{"]" * 200}}}}}'): (Reply(), "deeper"),
    tagged(f'{{"name": "f", "arguments": {{"a": {"[" * 10**5}{"]" * 10**5}}}}}'): (
        Reply(),
        "too deeply",
    ),
    tagged('{"arguments": {}}'): (Reply(), "names no function"),
    tagged('{"name": 5}'): (Reply(), "names no function"),
    tagged('{"name": ""}'): (Reply(), "names no function"),
    tagged('["f", 5]'): (Reply(), "names no function"),
    tagged(f'["f", {F}]'): (Reply(calls=(CALL,)), "names no function"),
    tagged('{"name": "f", "arguments": [1]}'): (Reply(), "no JSON object"),
    tagged('{"name": "f", "arguments": 0}'): (Reply(), "no JSON object"),
    tagged('{"name": "f", "arguments": "a = 1"}'): (Reply(), "cannot be used"),
    "the <tool_call> tag": (Reply("the tag"), "'t' stands where JSON belongs"),
    "<tool_call></tool_call>": (Reply(), "'<' stands where JSON belongs"),
    "<tool_call>": (Reply(), "the end stands where JSON belongs"),
}

CASES = [
    *(Case(parser="hermes", text=text, reply=reply) for text, reply in READABLE.items()),
    *(Case(parser="hermes", text=t, reply=r, problem=said) for t, (r, said) in BROKEN.items()),
]


def in_pieces(
    pieces: list[str], tools: tuple[ToolSchema, ...] = (), starts_in_reasoning: bool = False
) -> list[Event]:
    stream = HERMES.stream(tools, starts_in_reasoning)
    events: list[Event] = []
    for piece in pieces:
        events += stream.feed(piece)
    return [*events, *stream.close()]


@pytest.mark.parametrize("text", READABLE)
def test_reads(text: str) -> None:
    assert repr(HERMES.parse(text)) == repr(READABLE[text])


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:60])
def test_says_what_it_cannot_read(text: str) -> None:
    reply, words = BROKEN[text]
    found = HERMES.parse(text)
    assert (found.content, found.reasoning, found.calls) == (reply.content, "", reply.calls)
    assert words in "".join(found.problems[:1])


@pytest.mark.parametrize("text", [*READABLE, *(text for text in BROKEN if len(text) < 10**4)])
def test_reads_the_same_in_pieces(text: str) -> None:
    whole = repr(HERMES.parse(text))
    for size in (1, 2, 3, 5, 19):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert repr(total(in_pieces(pieces))) == whole


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("hm</think>Hi", Reply("Hi", "hm")),
        ("<think>hm</think>Hi", Reply("Hi", "hm")),
        ("hm", Reply("", "hm")),
        (f"hm\n{tagged()}", Reply("", "hm", (CALL,))),
        (f"hm {tagged()}</think>no", Reply("no", f"hm {tagged()}")),
    ],
)
def test_a_prompt_may_have_opened_the_reasoning(text: str, reply: Reply) -> None:
    assert HERMES.parse(text, starts_in_reasoning=True) == reply
    assert total(in_pieces(list(text), starts_in_reasoning=True)) == reply


# Streams: early where it is certain, never later taken back.


def test_content_comes_at_once_but_for_what_may_be_a_marker() -> None:
    stream = HERMES.stream()
    assert stream.feed("Hello ") == [Content("Hello")]
    assert stream.feed("wor<tool") == [Content(" wor")]
    assert stream.feed("box>") == [Content("<toolbox>")]
    assert stream.feed("<tool_call") == []
    assert stream.close() == [Content("<tool_call")]


def test_a_call_comes_with_its_last_brace() -> None:
    stream = HERMES.stream()
    assert stream.feed(f"<tool_call>{F[:-1]}") == []
    assert total(stream.feed("}")) == Reply(calls=(CALL,))
    assert stream.feed("</tool_call>") == []


def test_a_call_in_reasoning_is_held_back_until_it_is_decided() -> None:
    closed, unclosed = HERMES.stream(), HERMES.stream()
    for stream in (closed, unclosed):
        assert stream.feed("<think>so") == [Reasoning("so")]
        assert stream.feed(tagged()) == []
    assert closed.feed("!</think>") == [Reasoning(f"{tagged()}!")]
    assert total(unclosed.close()) == Reply(calls=(CALL,))


# Any text, any split.

FRAGMENTS = st.sampled_from(
    [
        *("<tool_call>", "</tool_call>", "<think>", "</think>", "\n", " ", ",", F, tagged()),
        *('{"name": "', 'f"', ', "arguments": ', "{", "}", "[", "]", '"', "\\", "1e5", "words"),
    ]
)
SPLINTERS = st.sampled_from(["<", "<tool", "_call>", "</t", "hink>", "<thi", "\ud83d", "\x00"])
WHOLE_MARKERS = st.lists(FRAGMENTS, max_size=12).map("".join)
TEXTS = st.lists(FRAGMENTS | SPLINTERS | st.text(max_size=3), max_size=12).map("".join)


@given(TEXTS, st.booleans(), st.lists(st.integers(0, 80), max_size=8))
@settings(max_examples=300, deadline=None)
@example("<think><tool_call></think", False, [1, 8, 20])
def test_any_split_of_any_text_adds_up(text: str, opened: bool, places: list[int]) -> None:
    cuts = [0, *sorted(place for place in places if place <= len(text)), len(text)]
    whole = HERMES.parse(text, (), opened)
    events = in_pieces([text[a:b] for a, b in pairwise(cuts)], (), opened)
    assert repr(total(events)) == repr(whole)
    starts = [event for event in events if isinstance(event, CallStart)]
    assert [start.index for start in starts] == list(range(len(whole.calls)))


def rendered(reply: Reply) -> str:
    """As a model would write it."""
    calls = [json.dumps({"name": call.name, "arguments": call.arguments}) for call in reply.calls]
    thought = f"<think>\n{reply.reasoning}\n</think>\n\n" if reply.reasoning else ""
    return thought + "\n".join([reply.content, *map(tagged, calls)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | FRAGMENTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
PROSE = st.text(st.characters(exclude_characters="<", exclude_categories=[])).map(str.strip)
CALLS = st.builds(Call, st.text(min_size=1), st.dictionaries(st.text(), JSON, max_size=4))
REPLIES = st.builds(Reply, PROSE, PROSE, st.lists(CALLS, max_size=3).map(tuple))


@given(REPLIES)
@settings(deadline=None)
def test_what_a_model_writes_is_read(reply: Reply) -> None:
    assert repr(HERMES.parse(rendered(reply))) == repr(reply)


@given(st.text(st.characters(exclude_categories=[])))
@settings(deadline=None)
def test_any_string_gives_a_reply(text: str) -> None:
    assert isinstance(HERMES.parse(text), Reply)
    assert isinstance(HERMES.parse(f"<tool_call>{{{text}"), Reply)


@given(WHOLE_MARKERS)
@settings(deadline=None)
def test_no_marker_leaks_into_content(text: str) -> None:
    content = HERMES.parse(text).content
    assert not any(m in content for m in ("<tool_call>", "</tool_call>", "<think>", "</think>"))


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>" * 20_000,
        "<think><tool_call>" * 20_000,
        "<tool_call>" + "[" * 200_000,
        '<tool_call>{"a":' * 20_000,
        '<tool_call>["a","' * 20_000,
        '<tool_call>{"' + "<tool_call>x" * 20_000,
        '<tool_call>{"a": "' + '\\"' * 100_000,
        "<tool_call>" + " " * 200_000,
        "<tool_cal" * 20_000,
    ],
    ids=lambda text: text[:20],
)
def test_hostile_text_ends_soon_and_streams_alike(text: str) -> None:
    """Quadratic work would take minutes here, at once or in pieces."""
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    assert repr(total(in_pieces(pieces))) == repr(HERMES.parse(text))


# Which models, and how often right.


def test_the_bundled_models_template_speaks_it() -> None:
    folder = bundled("plugins") / "tiny_moe"
    assert HERMES.matches((folder / "chat_template.jinja").read_text())


@pytest.mark.parametrize(
    "template",
    ["{{ messages }}", "<tool_call>\n<function=f>", "<tool_call>f\n<arg_key>k</arg_key>"],
)
def test_templates_of_other_formats_do_not(template: str) -> None:
    assert not HERMES.matches(template)


def test_exactness_is_the_share_of_the_scored_prompts() -> None:
    def record(*exact: bool | None) -> Record:
        prompt = Prompt("p", ())
        answers = tuple(Generation(0, prompt, 0.0, 1, "", 1, 0.0, exact=each) for each in exact)
        return Record({}, "FINISHED", None, 0.0, (), answers, None)

    assert METRIC.compute(record(True, None, False, True))[:2] == (2 / 3, 3)
    assert METRIC.compute(record(None)) is None
    assert METRIC.compute(record()) is None
