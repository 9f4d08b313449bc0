"""plugins/toolcalls/cores/json_tag.py: every format that writes calls as JSON behind a marker."""

import json
from dataclasses import replace

import pytest
from cases import Case, calls, check, tool

from infra.plugins import registry
from infra.types import Call, Json, Reply

F = '{"name": "f", "arguments": {"a": 1}}'
G = '{"name": "g", "arguments": {}}'
CALL, OTHER = Call("f", {"a": 1}), Call("g", {})

#: parser -> how it writes one call, and two of them
WRITTEN = {
    "hermes": (f"<tool_call>\n{F}\n</tool_call>", f"<tool_call>{F}</tool_call>\n<tool_call>{G}"),
    "trinity": (f"<tool_call>\n{F}\n</tool_call>", f"<tool_call>{F}</tool_call><tool_call>{G}"),
    "ernie45": (f"<tool_call>\n{F}\n</tool_call>\n", f"<tool_call>{F}</tool_call><tool_call>{G}"),
    "longcat": (
        f"<longcat_tool_call>{F}</longcat_tool_call>",
        f"<longcat_tool_call>{F}</longcat_tool_call>\n<longcat_tool_call>{G}",
    ),
    "hunyuan_a13b": (f"<tool_calls>[{F}]</tool_calls>", f"<tool_calls>[{F}, {G}]</tool_calls>"),
    "jamba": (f" <tool_calls>[\n    {F}\n]</tool_calls>", f"<tool_calls>[\n    {F},\n    {G}\n]"),
    "apriel": (f"\n<tool_calls>[{F}]</tool_calls>\n<|end|>", f"<tool_calls>[{F},{G}]"),
    "minimax_m1": (f"<tool_calls>\n{F}\n</tool_calls>", f"<tool_calls>\n{F}\n{G}\n</tool_calls>"),
    "nemotron_nano_v2": (f"<TOOLCALL>[{F}]</TOOLCALL>\n", f"<TOOLCALL>[{F}, {G}]</TOOLCALL>"),
    "phi4_mini_json": (f"functools[{F}]", f"<|tool_call|>[{F}, {G}]<|/tool_call|>"),
    "firefunction_v2": (f" functools[{F}]", f" functools[{F}, {G}]"),
    "pangu": (f"[unused11][{F}][unused12]", f"<|tool_call_start|>[{F}, {G}]<|tool_call_end|>"),
    "qwen2_5_coder": (f"<tools>\n{F}\n</tools>", f"<tools>{F}</tools><tool_call>{G}</tool_call>"),
    "granite": (f"<|tool_call|> [{F}]", f"<|tool_call|>[\n  {F},\n  {G}\n]"),
    "granite-20b-fc": (f"<function_call> {F}", f"<function_call> {F}\n<function_call> {G}"),
    "apertus": (
        '<|tools_prefix|>[{"f": {"a": 1}}]<|tools_suffix|>',
        '<|tools_prefix|>[{"f": {"a": 1}}, {"g": {}}]<|tools_suffix|>',
    ),
    "cohere_command4": (
        '<|START_ACTION|>[\n    {"tool_name": "f", "parameters": {"a": 1}}\n]<|END_ACTION|>',
        '<|START_ACTION|>[{"tool_name": "f", "parameters": {"a": 1}}, {"tool_name": "g"}]',
    ),
    "cohere_command_r_plus": (
        'Action:\n```json\n[{"tool_name": "f", "parameters": {"a": 1}}]\n```',
        'Action: ```json\n[\n{"tool_name": "f", "parameters": {"a": 1}},\n{"tool_name": "g"}\n]```',
    ),
    "gigachat3": (
        f"<|message_sep|>\n\nfunction call<|role_sep|>\n{F}",
        f"<|function_call|>{F}<|message_sep|>\n\n<|function_call|>{G}</s>",
    ),
    "internlm": (
        '<|action_start|><|plugin|>{"name": "f", "parameters": {"a": 1}}<|action_end|>',
        '<|action_start|> <|plugin|>\n{"name": "f", "parameters": {"a": 1}}\n<|action_end|>'
        '<|plugin|>{"name": "g", "parameters": {}}',
    ),
    "inkling": (
        '<|message_model|>f<|content_invoke_tool_json|>{"name":"f","args":{"a":1}}<|end_message|>',
        'f<|content_invoke_tool_json|>{"name":"f","args":{"a":1}}<|end_message|>'
        '<|message_model|><|content_invoke_tool_json|>{"name":"g","args":{}}<|end_message|>',
    ),
    "llama3_json": (f"<|python_tag|>{F}<|eom_id|>", f"<|python_tag|>{F}; {G}"),
    "xlam": (f"[{F}]", f"[{F}, {G}]"),
}


def plain(parser: str) -> list[Case]:
    """What holds of every format, by how it writes calls."""
    one, two = WRITTEN[parser]
    longer = one.replace('"a": 1', '"a": "1"').replace('"a":1', '"a":"1"')
    return [
        Case(parser=parser, text="Just words.", reply=Reply("Just words.")),
        Case(parser=parser, text=one, reply=calls(CALL)),
        Case(parser=parser, text=two, reply=calls(CALL, OTHER)),
        Case(parser=parser, text=f"before {one.strip()}", reply=Reply("before", "", (CALL,))),
        Case(parser=parser, text=f"{one.strip()} after", reply=Reply("after", "", (CALL,))),
        Case(
            parser=parser, text=longer, reply=calls(CALL), tools=(tool("f", a={"type": "integer"}),)
        ),
    ]


THOUGHT = {
    "pangu": ("[unused16]", "[unused17]"),
    "hermes": ("<think>", "</think>"),
    "longcat": ("<longcat_think>", "</longcat_think>"),
    "apriel": ("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
    "apertus": ("<|inner_prefix|>", "<|inner_suffix|>"),
    "cohere_command4": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "xlam": ("<think>", "</think>"),
    "hunyuan_a13b": ("<think>", "</think>"),
}


def thoughtful(parser: str) -> list[Case]:
    """Reasoning around calls: only those behind it count, or where it never ends."""
    (begin, end), one = THOUGHT[parser], WRITTEN[parser][0].strip()
    within = Reply("", f"so {one} no", (CALL,))
    ended = Case(parser=parser, text=f"{begin}so {one} no{end}{one}", reply=within)
    return [
        ended,
        replace(ended, text=f"so {one} no{end}{one}", starts_in_reasoning=True),
        Case(parser=parser, text=f"{begin}hm{end}\n\nHi", reply=Reply("Hi", "hm")),
    ]


GLAD = "<|message_model|><|content_thinking|>hm<|end_message|><|message_model|><|content_text|>Hi"
BAD_LINES = f"<tool_calls>\n{F}\n{{bad}}\n{G}\n</tool_calls>"
SOURCES = "<|START_RESPONSE|>foo <co>bar</co: 0:[1,2],1:[3]>5<|END_RESPONSE|>"

#: parser, text, what it says, words of the problem
SINGLE: list[tuple[str, str, Reply, str | None]] = [
    (
        "trinity",
        f"<think>so <tool_call>{F}</tool_call> on</think>Hi",
        Reply("Hi", "so  on", (CALL,)),
        None,
    ),
    ("ernie45", f"<response>\nHi\n</response>\n<tool_call>{F}", Reply("Hi", "", (CALL,)), None),
    (
        "hermes",
        f'<tool_call>{{"id": "x1", "type": "function", "function": {F}}}</tool_call>',
        Reply("", "", (Call("f", {"a": 1}, "x1"),)),
        None,
    ),
    ("ernie45", f"<tool_call>{F}</tool_call>\n</s>", Reply("", "", (CALL,)), None),
    (
        "hunyuan_a13b",
        f"<answer>Hi <tool_calls>[{F}]</tool_calls>\n</answer>",
        Reply("Hi", "", (CALL,)),
        None,
    ),
    ("hunyuan_a13b", "<tool_calls>[]</tool_calls>", Reply(), None),
    ("hunyuan_a13b", f"<tool_calls>[{F}", calls(CALL), None),
    ("hunyuan_a13b", f"<tool_calls>[{F},", calls(CALL), None),
    ("hunyuan_a13b", f"<tool_calls>[{F}</tool_calls>ok", Reply("ok", "", (CALL,)), None),
    ("hunyuan_a13b", f'<tool_calls>[{F}, {{"name": "g", "arg', calls(CALL), "breaks off"),
    ("hunyuan_a13b", f'<tool_calls>[{F}, {{"name": g}}]</tool_calls>', calls(CALL), "broken"),
    ("hunyuan_a13b", f'<tool_calls>[{F}, "x", {G}]</tool_calls>', calls(CALL, OTHER), "names no"),
    ("hunyuan_a13b", f"<tool_calls>[[{F}, {G}]]</tool_calls>", Reply(), "names no"),
    ("hunyuan_a13b", "<tool_calls>[", Reply(), "breaks off"),
    ("hunyuan_a13b", "<tool_calls>[oops]</tool_calls>ok", Reply("ok"), "no JSON value"),
    ("minimax_m1", BAD_LINES, calls(CALL, OTHER), "broken"),
    ("nemotron_json", f"<TOOLCALL>{F}</TOOLCALL>", calls(CALL), None),
    (
        "phi4_mini_json",
        "import functools\nfunctools.reduce",
        Reply("import functools\nfunctools.reduce"),
        None,
    ),
    ("phi4_mini_json", "functools[] words", Reply("words"), None),
    ("phi4_mini_json", f"functools {F}", Reply(f"functools {F}"), None),
    ("granite", f"<tool_call>[{F}]", calls(CALL), None),
    ("granite", "<think>hm</think><response>Hi</response>", Reply("Hi", "hm"), None),
    (
        "granite",
        f"Here is my thought process:\nhm\n\nHere is my response:\nHi <|tool_call|>[{F}]",
        Reply("Hi", "hm", (CALL,)),
        None,
    ),
    ("granite", "Here's my thought process: hm", Reply("", "hm"), None),
    ("granite", "Here is my thought", Reply("Here is my thought"), None),
    ("apertus", '<|tools_prefix|>[{"f": {"a": 1}', calls(CALL), None),
    ("apertus", '<|tools_prefix|>[{"f": {"a":', Reply(), "breaks off"),
    ("apertus", '<|tools_prefix|>[{"f": {"a": 1}, "g": null}]', calls(CALL, OTHER), None),
    ("apertus", '<|tools_prefix|>[{"f": 5}]', Reply(), "no JSON object"),
    ("apertus", f"<|tools_prefix|>[{F}]", calls(CALL), None),
    ("cohere_command3", SOURCES, Reply("foo bar5"), None),
    ("cohere_command", "<|START_TEXT|>a < b<|END_TEXT|>", Reply("a < b"), None),
    (
        "cohere_command4",
        "<|START_THINKING|>a <co>b</co: 0:[1]><|END_THINKING|>"
        '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "f", "parameters": {"a": 1}}]',
        Reply("", "a b", (Call("f", {"a": 1}, "0"),)),
        None,
    ),
    ("cohere_command_r_plus", "<|CHATBOT_TOKEN|>```py\n1\n```", Reply("```py\n1\n```"), None),
    ("gigachat3", "a function call<|role_sep|>\n{'name'", Reply("a"), "broken"),
    ("internlm", "<|action_start|><|plugin|>words<|action_end|>", Reply("words"), "'w' stands"),
    ("inkling", f"{GLAD}<|end_message|><|content_model_end_sampling|>", Reply("Hi", "hm"), None),
    ("inkling", "<|content_tool_error|>Hi<|end_message|>", Reply("Hi"), None),
    ("inkling", "weather is fine", Reply("weather is fine"), None),
    ("inkling", "weather", Reply("weather"), None),
]

VALUES: list[dict[str, Json]] = [
    {"deep": {"list": [1, -2.5e3, True, None, {"x": []}]}, "": {}},
    {"text": 'say "{[" \\ </tool_call></tool_calls> ]}', "lines": "a\nb\t"},
    {"東京": "🙂 é", "big": 2**63 - 1},
]


def with_values(parser: str) -> list[Case]:
    """The format's one call with other arguments."""
    written = [WRITTEN[parser][0].replace('{"a": 1}', json.dumps(v)) for v in VALUES]
    written = [w.replace('{"a":1}', json.dumps(v)) for w, v in zip(written, VALUES, strict=True)]
    return [
        Case(parser=parser, text=text, reply=calls(Call("f", value)))
        for text, value in zip(written, VALUES, strict=True)
    ]


CASES: list[Case] = [
    *(case for parser in WRITTEN for case in [*plain(parser), *with_values(parser)]),
    *(case for parser in THOUGHT for case in thoughtful(parser)),
    *(
        Case(parser=parser, text=text, reply=reply, problem=problem)
        for parser, text, reply, problem in SINGLE
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parser}: {case.text[:50]}")
def test_reads(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("parser", WRITTEN)
def test_a_stream_announces_each_call_with_its_last_brace(parser: str) -> None:
    stream = registry().get("infra_parsers", parser).stream()
    text = WRITTEN[parser][1]
    early = stream.feed(text[: text.index("}}") + 2])
    assert len(early) == 3


HOSTILE = ["{{", '{"a":[', '[{"a":', '\n{"a":[1,', "[{},"]


@pytest.mark.parametrize("filler", HOSTILE)
@pytest.mark.parametrize("parser", ["hunyuan_a13b", "minimax_m1", "apertus"])
def test_hostile_text_ends_soon(parser: str, filler: str) -> None:
    """Quadratic work would take minutes here."""
    known = registry().get("infra_parsers", parser)
    for text in (known.openers[0] + filler * 5_000, (known.openers[0] + filler) * 3_000):
        stream = known.stream()
        for at in range(0, len(text), 7):
            stream.feed(text[at : at + 7])
        stream.close()


@pytest.mark.parametrize(
    ("template", "parser"),
    [
        ("<|startoftext|> <tool_calls>[", "hunyuan_a13b"),
        ("<|startoftext|><|bom|> <tool_calls>", "jamba"),
        ("<tool_call>\n [BEGIN FINAL RESPONSE] <tool_calls>[", "apriel"),
        ("<beginning_of_sentence> <tool_calls>", "minimax_m1"),
        ("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|> <|START_ACTION|> Action:", "cohere_command4"),
        ("<|CHATBOT_TOKEN|> Action:", "cohere_command_r_plus"),
        ("<tool_call> <response>", "ernie45"),
    ],
)
def test_templates_tell_similar_formats_apart(template: str, parser: str) -> None:
    known = {name: registry().get("infra_parsers", name) for name in WRITTEN}
    fitting = {name for name, each in known.items() if each.matches(template)}
    assert parser in fitting
    assert fitting <= {parser, "hermes"}
