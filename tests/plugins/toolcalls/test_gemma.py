"""plugins/toolcalls: Gemma's maps with bare keys and long quotes."""

import pytest
from cases import Case, calls, check, tool

from infra.calls.events import total
from infra.plugins import registry
from infra.types import Call, Json, Reply

B, E, Q = "<|tool_call>", "<tool_call|>", '<|"|>'
THOUGHT, ANSWER = "<|channel>thought\n", "<channel|>"
PARK = f"call:find_park{{city:{Q}Bergen{Q},km:2}}"
PARK_CALL = Call("find_park", {"city": "Bergen", "km": 2})
NOW_CALL = Call("now", {})

#: what stands between the braces -> what it says without a schema
MAPS: dict[str, dict[str, Json]] = {
    "": {},
    " ": {},
    "a:true,b:false,c:null": {"a": True, "b": False, "c": None},
    "a:True,b:None": {"a": True, "b": None},
    "a:10,b:-7,c:2.5,d:1.5e3,e:108.": {"a": 10, "b": -7, "c": 2.5, "d": 1500.0, "e": 108.0},
    "a:007,b:1e999,c:NaN": {"a": "007", "b": "1e999", "c": "NaN"},
    f"a:{'9' * 5000}": {"a": "9" * 5000},
    f" a : {Q}x{Q} , b : 1 ": {"a": "x", "b": 1},
    f"a:{Q}{Q},b:{Q} x \n{Q}": {"a": "", "b": " x \n"},
    f'a:{Q}say "hi", {{b}} [c]: d{Q}': {"a": 'say "hi", {b} [c]: d'},
    f"a:{Q}{B}call:f{{}}{E}{Q}": {"a": f"{B}call:f{{}}{E}"},
    f"a:{Q}12{Q},b:{Q}true{Q}": {"a": "12", "b": "true"},
    f"a:{Q}\\n 东京 🙂{Q}": {"a": "\\n 东京 🙂"},
    f"a:{{b:{{c:{Q}x{Q}}},d:[]}},e:{{}}": {"a": {"b": {"c": "x"}, "d": []}, "e": {}},
    f"a:[{Q}x]{Q},[1,true],{{k:[{{}}]}}]": {"a": ["x]", [1, True], {"k": [{}]}]},
    f"{Q}a b{Q}:{Q}x{Q},c:{{{Q}3{Q}:4}}": {"a b": "x", "c": {"3": 4}},
    f"a:1,b:[2,],c:{{d:{Q}x{Q},}},": {"a": 1, "b": [2], "c": {"d": "x"}},
    "a:,b: ,c:": {"a": "", "b": "", "c": ""},
    "a:plain words,b:12:30,c:https://example.org/?q=1": {
        "a": "plain words",
        "b": "12:30",
        "c": "https://example.org/?q=1",
    },
    "a:Oslo, Norway,b:1": {"a": "Oslo, Norway", "b": 1},
    f"a:Oslo, Norway{Q},b:[x{Q},{Q}y{Q}],c:{{d:z{Q}}}": {
        "a": "Oslo, Norway",
        "b": ["x", "y"],
        "c": {"d": "z"},
    },
    f"a:{Q}x{Q}b:{Q}y{Q}": {"a": "x", "b": "y"},
    '"a": "x", \'b\': 2': {"a": "x", "b": 2},
    "a:1,a:2": {"a": 2},
}

#: the same where it makes no sense, and words of the problem
BROKEN = {
    "1": "no key",
    f"{Q}a{Q}": "no key",
    "a:1]": "closes nothing",
    "a:[1}": "closes nothing",
    "a:b{c:1}": "stands where a comma belongs",
    "{a:1}": "stands where a comma belongs",
    f"a:{Q}x{Q}{Q}y{Q}": "no key",
    f"a:{Q}x{Q} y": "stands where a comma belongs",
    f"a:{Q}x": "breaks off",
    "a:[1": "closes nothing",
    f"a:{'[' * 200}{']' * 200}": "deeper",
}

RECORD = tool(
    "record",
    zip={"type": "string"},
    n={"type": "integer"},
    x={"type": "number"},
    on={"type": "boolean"},
    note={"type": ["string", "null"]},
    free={},
    of={"type": "object", "properties": {"id": {"type": "string"}, "n": {"type": "integer"}}},
    tags={"type": "array", "items": {"type": "string"}},
)


def gemma(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="gemma4", text=text, reply=reply, problem=problem)


CASES = [
    *[gemma(f"{B}call:f{{{text}}}{E}", calls(Call("f", a))) for text, a in MAPS.items()],
    *[
        gemma(f"{B}call:f{{{text}}}{E}so{B}call:now{{}}{E}", Reply("so", "", (NOW_CALL,)), words)
        for text, words in BROKEN.items()
    ],
    gemma("Hello <b>you</b>: {a:1}", Reply("Hello <b>you</b>: {a:1}")),
    gemma(f"Let me see. {B}{PARK}{E}\nDone.", Reply("Let me see. \nDone.", "", (PARK_CALL,))),
    gemma(f"{B}{PARK}{E}{B}call:now{{}}{E}", calls(PARK_CALL, NOW_CALL)),
    gemma(f"{B}{PARK}call:now{{}}{E}", calls(PARK_CALL, NOW_CALL)),
    gemma(f"{B}{PARK}, call:now{{}}{E}", calls(PARK_CALL, NOW_CALL)),
    gemma(f"{B} call: now {{}}{E}", calls(NOW_CALL)),
    gemma(f"{B}:call:now{{}}", calls(NOW_CALL)),
    gemma("So <call>now{} and", Reply("So  and", "", (NOW_CALL,))),
    gemma("the <call> tag, <call>f", Reply("the <call> tag, <call>f")),
    gemma(f"{B}now{{}}{E}", calls(NOW_CALL)),
    gemma(f"{B}call:my-parks.find{{id:1}}{E}", calls(Call("my-parks.find", {"id": 1}))),
    gemma(f"{B}{PARK}<turn|>", calls(PARK_CALL)),
    gemma(f"{B}{PARK}{E}<|tool_response>", calls(PARK_CALL)),
    gemma("Four.<turn|>", Reply("Four.")),
    # types from the schema, where values are bare
    Case(
        parser="gemma4",
        text=f"{B}call:record{{zip:07030,n:42,x:5.,on:true,note:null,free:7,else:8}}{E}",
        reply=calls(
            Call(
                "record",
                {"zip": "07030", "n": 42, "x": 5.0, "on": True, "note": None, "free": 7, "else": 8},
            )
        ),
        tools=(RECORD,),
    ),
    Case(
        parser="gemma4",
        text=f"{B}call:record{{of:{{id:12,n:3}},tags:[1,true],n:{Q}4{Q},zip:null,on:maybe}}{E}",
        reply=calls(
            Call(
                "record",
                {
                    "of": {"id": "12", "n": 3},
                    "tags": ["1", "true"],
                    "n": 4,
                    "zip": "null",
                    "on": "maybe",
                },
            )
        ),
        tools=(RECORD,),
    ),
    # reasoning
    gemma(f"{THOUGHT}a\nb{ANSWER}c", Reply("c", "a\nb")),
    gemma(f"<|channel>thought{ANSWER}c", Reply("c")),
    gemma(f"<|channel>{THOUGHT}a{ANSWER}c", Reply("c", "a")),
    gemma(f"{THOUGHT}{ANSWER}c{THOUGHT}{ANSWER}", Reply("c")),
    gemma(f"c{ANSWER}d{ANSWER}", Reply("cd")),
    gemma(f"{THOUGHT}not {B}{PARK}{E}{ANSWER}c", Reply("c", f"not {B}{PARK}{E}")),
    gemma(f"{THOUGHT}so {B}{PARK}{E}", Reply("", "so", (PARK_CALL,))),
    gemma(f"{THOUGHT}never closed, call:now{{}}", Reply("", "never closed, call:now{}")),
    gemma(f"thought\na{ANSWER}{B}{PARK}{E}", Reply("", "a", (PARK_CALL,))),
    gemma("thought\nwithout an end", Reply("thought\nwithout an end")),
    gemma("thoughtful", Reply("thoughtful")),
    *[
        Case(
            parser="gemma4", text=text, reply=Reply("", "a", (PARK_CALL,)), starts_in_reasoning=True
        )
        for text in (f"a{ANSWER}{B}{PARK}{E}", f"{THOUGHT}a{ANSWER}{B}{PARK}{E}", f"a{B}{PARK}")
    ],
    # the end is missing
    gemma(f"{B}{PARK}", calls(PARK_CALL)),
    gemma(f"{B}{PARK[:-1]}{E}Hi", Reply("Hi", "", (PARK_CALL,))),
    gemma(f"{B}{PARK} Done.", Reply("Done.", "", (PARK_CALL,))),
    gemma(f"{B}{PARK}{B}call:now{{}}", calls(PARK_CALL, NOW_CALL)),
    gemma(f"{B}{PARK[:-1]}", Reply(), "breaks off"),
    gemma(f"{B}{PARK[:-8]}{E}Hi", Reply("Hi"), "breaks off"),
    gemma(f"{B}{PARK}call:now{{a", calls(PARK_CALL), "breaks off"),
    gemma(f"{B}call:find_pa", Reply(), "breaks off"),
    gemma(f"{B}{PARK}call:find_pa", calls(PARK_CALL), "breaks off"),
    gemma(f"{B}{PARK}call:me!", Reply("call:me!", "", (PARK_CALL,)), "no function is named"),
    gemma(f"{B}{PARK}calling", Reply("calling", "", (PARK_CALL,))),
    gemma("cut <|tool_c", Reply("cut <|tool_c")),
    # a mention
    gemma(f"the {B} tag", Reply("the  tag"), "no function is named"),
    gemma(f"{B}{E}", Reply(), "no function is named"),
    gemma(f"{B}{{a:1}}{E}", Reply("{a:1}"), "no function is named"),
    # no tag
    gemma(f"{THOUGHT}a{ANSWER}{PARK}", Reply("", "a", (PARK_CALL,))),
    gemma(f"So:\n{PARK}{E}\nDone.", Reply("So:\n\nDone.", "", (PARK_CALL,))),
    gemma("I call: you, or recall:it {a:1}", Reply("I call: you, or recall:it {a:1}")),
    gemma("call:me{or not", Reply("call:me{or not"), "breaks off"),
    # the other formats
    Case(
        parser="functiongemma",
        text="<start_function_call>call:find_park{city:<escape>Bergen<escape>,km:2}"
        "<end_function_call>",
        reply=calls(PARK_CALL),
    ),
    Case(
        parser="functiongemma",
        text="Sure. <start_function_call>call:f{a:<escape>x, {y}<escape>b:<escape>z<escape>}"
        "<end_function_call><start_function_call>call:now{}",
        reply=Reply("Sure.", "", (Call("f", {"a": "x, {y}", "b": "z"}), NOW_CALL)),
    ),
    Case(
        parser="functiongemma",
        text="<start_function_call>call:f{a:<escape>42<escape>,b:<escape>true<escape>}"
        "<end_function_call><start_function_response>",
        reply=calls(Call("f", {"a": 42, "b": True})),
    ),
    Case(
        parser="functiongemma",
        text="<start_function_call>call:record{zip:<escape>42<escape>,n:<escape>42<escape>}",
        reply=calls(Call("record", {"zip": "42", "n": 42})),
        tools=(RECORD,),
    ),
    Case(
        parser="gemma3",
        text='[now()] {"name": "now"} call:now{}<end_of_turn>',
        reply=Reply('[now()] {"name": "now"} call:now{}'),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parser}: {case.text[:60]}")
def test_reads_gemmas_calls(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    ("parser", "template"),
    [
        ("gemma4", "{{ '<|tool_call>call:' + name + '{' }}<|\"|>"),
        ("functiongemma", "<start_of_turn>developer <start_function_call>call:f{<escape>"),
        ("gemma2", "{{ '<start_of_turn>' + role }}<end_of_turn>"),
        ("pythonic", "<start_of_turn> {{ tools }} [func_name1(a=b), func_name2(params)]"),
    ],
)
def test_templates_tell_the_formats_apart(parser: str, template: str) -> None:
    names = ("gemma4", "functiongemma", "gemma2", "pythonic", "hermes")
    fitting = [n for n in names if registry().get("infra_parsers", n).matches(template)]
    assert fitting == [parser]


@pytest.mark.parametrize(
    "text",
    [
        B * 1000,
        f"{B}call:f{{a:{Q}" * 1000,
        f"{B}call:f{{a:" + "[" * 20_000,
        f"{B}call:f{{a:" + "[" * 10_000 + "]" * 10_000 + "}",
        f"{B}call:f{{" + "a:" * 20_000,
        f"{B}call:f{{" + "a," * 20_000,
        f"{B}call:f{{a:b" + ",a" * 20_000 + "}",
        f"{B}call:f{{}}" + "call:f{}" * 1000,
        f"{B}" + ":" * 50_000,
        "call:f{a:{" * 2000,
        f"call:f{{a:{Q}" * 2000,
        f"{THOUGHT}{B}" * 2000,
        "thought\n" * 10_000,
    ],
    ids=lambda text: text[:30],
)
def test_hostile_text_ends_soon_and_streams_alike(text: str) -> None:
    form = registry().get("infra_parsers", "gemma4")
    stream = form.stream()
    events = [event for at in range(0, len(text), 7) for event in stream.feed(text[at : at + 7])]
    assert repr(total([*events, *stream.close()])) == repr(form.parse(text))
