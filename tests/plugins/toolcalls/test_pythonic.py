"""plugins/toolcalls: calls as Python writes them, in a tag and without one."""

import pytest
from cases import Case, calls, check, tool

from infra.calls.events import total
from infra.plugins import registry
from infra.types import Call, Json, Reply

PARK = "find_park(city='Bergen', km=2.5)"
PARK_CALL = Call("find_park", {"city": "Bergen", "km": 2.5})
NOW_CALL = Call("now", {})
START, END = "<|tool_call_start|>", "<|tool_call_end|>"

#: a call's arguments -> what they say
VALUES: dict[str, dict[str, Json]] = {
    "": {},
    "a=1,": {"a": 1},
    " a = 1 , b = 2 ": {"a": 1, "b": 2},
    "a=\n  1,\n  b=[\n1,\n]": {"a": 1, "b": [1]},
    "a=True, b=False, c=None": {"a": True, "b": False, "c": None},
    "a=true, b=false, c=null": {"a": True, "b": False, "c": None},
    "a=[true, {'k': null}]": {"a": [True, {"k": None}]},
    "a=-3, b=+4, c=1_000, d=007, e=0": {"a": -3, "b": 4, "c": 1000, "d": 7, "e": 0},
    "a=0x1F, b=0b11, c=0o17": {"a": 31, "b": 3, "c": 15},
    "a=1, **{'b': 2, 'c': [3]}, d=4": {"a": 1, "b": 2, "c": [3], "d": 4},
    "a=1.5, b=-.5, c=2., d=1e3, e=2E-2": {"a": 1.5, "b": -0.5, "c": 2.0, "d": 1e3, "e": 0.02},
    "a=9223372036854775807": {"a": 2**63 - 1},
    "a=[], b={}, c=()": {"a": [], "b": {}, "c": []},
    "a=(1), b=(1,), c=(1, 2)": {"a": 1, "b": [1], "c": [1, 2]},
    "a={'x', 'y'}, b={1,}": {"a": ["x", "y"], "b": [1]},
    "a={'k': [{'l': (1, {})}], \"m\" : 2,}": {"a": {"k": [{"l": [1, {}]}], "m": 2}},
    "a={1: 'x', True: 'y', None: 'z'}": {"a": {"1": "x", "true": "y", "null": "z"}},
    "a='', b=\"\"": {"a": "", "b": ""},
    'a=\'it\\\'s\', b="say \\"hi\\""': {"a": "it's", "b": 'say "hi"'},
    "a='line\\nnext\\ttab\\\\'": {"a": "line\nnext\ttab\\"},
    "a='two\nlines\x00'": {"a": "two\nlines\x00"},
    r"a='\x41\u00e9\U0001F642\101\0'": {"a": "Aé🙂A\0"},
    r"a='\ud83d\ude42', b='\ud83d'": {"a": "🙂", "b": "\ud83d"},
    r"a='\d+ \, \xZ \UFFFFFFFF'": {"a": r"\d+ \, \xZ \UFFFFFFFF"},
    r"a=r'\n', b=R'\'', c=u'é', d=f'plain'": {"a": r"\n", "b": r"\'", "c": "é", "d": "plain"},
    'a=\'\'\'it\'s "so"\nlong\'\'\', b="""x"""': {"a": 'it\'s "so"\nlong', "b": "x"},
    "a='one ' \"two \"\n'three'": {"a": "one two three"},
    "a='东京 🙂'": {"a": "东京 🙂"},
    "a='x]), g(b=1)]'": {"a": "x]), g(b=1)]"},
    "a='<think>[</think>'": {"a": "<think>[</think>"},
    "from=1, class_='x', max-size=2": {"from": 1, "class_": "x", "max-size": 2},
    "a=1, a=2": {"a": 2},
    # quotes inside the last argument, as some chat templates write them
    "a='grep 'x y' file'": {"a": "grep 'x y' file"},
    "n=1, a='don't'": {"n": 1, "a": "don't"},
    "a='echo \"$(f 'x\\,'))\"'": {"a": "echo \"$(f 'x\\,'))\""},
}

#: arguments that are none, and words of the problem
BROKEN = {
    "1": "no name",
    "a=1, 'x'": "no name",
    "a=": "stands where a value belongs",
    "a": "no name",
    "a=b": "no value",
    "a=b.c": "no value",
    "a=1 2": "stands where a comma belongs",
    "a=1+2": "no value",
    "a='x' + 'y'": "no value",
    "a=[1,,2]": "',' stands where a value belongs",
    "a={'k': }": "'}' stands where a value belongs",
    "a={'k': 1, 'l'}": "without a key",
    "a={[1]: 2}": "stands where a comma belongs",
    "a={1, 'k': 2}": "stands where a comma belongs",
    "a=date(2024, 1)": "no value",
    "a=[x for x in y]": "no value",
    "a=b'bytes'": "bytes",
    "a=f'{x}'": "f-string",
    "a=1e999": "beyond any double",
    "**[1]": "no dictionary",
    "a=**{}": "'*' stands where a value belongs",
    "a=float('inf')": "no value",
    "a=2j": "no value",
    "a=1]": "stands where a comma or ) belongs",
    f"a={'9' * 5000}": "4300",
    f"a={'[' * 200}{']' * 200}": "deeper",
}

TYPED = (
    tool("find_park", city={"type": "string"}, km={"type": "integer"}, dogs={"type": "boolean"}),
)


def lfm2(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="lfm2", text=text, reply=reply, problem=problem)


def bare(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="pythonic", text=text, reply=reply, problem=problem)


def content(text: str) -> Case:
    return bare(text, Reply(text))


CASES = [
    *[lfm2(f"{START}[f({text})]{END}", calls(Call("f", a))) for text, a in VALUES.items()],
    *[
        lfm2(f"{START}[f({text}), now()]{END}", calls(NOW_CALL), words)
        for text, words in BROKEN.items()
    ],
    # a tag and what stands in it
    lfm2("Nothing to do.", Reply("Nothing to do.")),
    lfm2(f"{START}[{PARK}, now()]{END}", calls(PARK_CALL, NOW_CALL)),
    lfm2(f"{START} [ {PARK} ] {END}", calls(PARK_CALL)),
    lfm2(f"{START}{PARK}{END}", calls(PARK_CALL)),
    lfm2(f"{START}[{PARK}][now()]{END}", calls(PARK_CALL, NOW_CALL)),
    lfm2(f"{START}[parks.near-by.find(id=1)]{END}", calls(Call("parks.near-by.find", {"id": 1}))),
    lfm2(f"Let me see.{START}[now()]{END}\nDone.", Reply("Let me see.\nDone.", "", (NOW_CALL,))),
    lfm2(f"{START}[now()]{END} and {START}[now()]{END}", Reply("and", "", (NOW_CALL, NOW_CALL))),
    lfm2(f"{START}[]{END}", Reply()),
    lfm2(f"{START}[ ]{END} Hi", Reply("Hi")),
    lfm2(f"{START}[f(a='{END}')]{END}", calls(Call("f", {"a": END}))),
    lfm2('{START}[{"name": "now"}]'.replace("{START}", START), calls(NOW_CALL)),
    lfm2(
        f'{START}[{{"name": "now", "arguments": {{}}}}, {{"name": "f", "arguments": {{"a": 1}}}}]'
        f"{END} after",
        Reply("after", "", (NOW_CALL, Call("f", {"a": 1}))),
    ),
    # reasoning
    lfm2(f"<think>hm</think>{START}[now()]{END}", Reply("", "hm", (NOW_CALL,))),
    lfm2(f"<think>{START}[f()]{END}</think>no", Reply("no", f"{START}[f()]{END}")),
    lfm2(f"<think>so {START}[now()]{END}", Reply("", "so", (NOW_CALL,))),
    Case(
        parser="lfm2",
        text=f"hm</think>{START}[now()]",
        reply=Reply("", "hm", (NOW_CALL,)),
        starts_in_reasoning=True,
    ),
    # the end is missing
    lfm2(f"{START}[now()]", calls(NOW_CALL)),
    lfm2(f"{START}[{PARK}, now()", calls(PARK_CALL, NOW_CALL)),
    lfm2(f"{START}[{PARK}, ", calls(PARK_CALL)),
    lfm2(f"{START}[{PARK}] Done.", Reply("Done.", "", (PARK_CALL,))),
    lfm2(f"{START}[{PARK}, no", calls(PARK_CALL), "breaks off"),
    lfm2(f"{START}[{PARK}, f(a='x", calls(PARK_CALL), "breaks off"),
    lfm2(f"{START}[f(a=[1, 2", Reply(), "breaks off"),
    lfm2(f"{START}[f(a='x\\", Reply(), "breaks off"),
    lfm2(f"{START}[f(a='x)]{END} Hi {START}[now()]{END}", Reply("Hi", "", (NOW_CALL,)), "breaks"),
    lfm2(f"{START}[f(a='x' 'y)]{END} Hi", Reply("Hi"), "breaks off"),
    lfm2(f"{START}[f(a='x 'y', b='z')]{END} Hi", Reply("Hi"), "quotes inside"),
    lfm2(f"{START}[f(a=['x 'y'])]{END} Hi", Reply("Hi"), "quotes inside"),
    lfm2(f"{START}[f(a=x, {START}[now()]", calls(NOW_CALL), "no value"),
    # a mention
    lfm2(f"{START}not a list", Reply("not a list"), "'n' stands where a call belongs"),
    lfm2(f"{START}[1, 2]{END}", Reply("[1, 2]"), "'1' stands where a call belongs"),
    lfm2(f"{START}{END}", Reply(), "'<' stands where a call belongs"),
    lfm2(START, Reply(), "the end stands where a call belongs"),
    # no tag
    bare(f"[{PARK}]", calls(PARK_CALL)),
    bare(f"  [ {PARK} ,now( ) ]\n", calls(PARK_CALL, NOW_CALL)),
    bare(f"Searching. [{PARK}] Done.", Reply("Searching.  Done.", "", (PARK_CALL,))),
    bare(f"[{PARK}][now()]", calls(PARK_CALL, NOW_CALL)),
    bare(f"Look: <|python_start|>[{PARK}]<|python_end|>", Reply("Look:", "", (PARK_CALL,))),
    bare(f"<think>[f()]</think>[{PARK}]", Reply("", "[f()]", (PARK_CALL,))),
    bare(f"[{PARK}, now(", calls(PARK_CALL), "breaks off"),
    bare(f"[{PARK}, now()", calls(PARK_CALL, NOW_CALL)),
    bare(f"[f(x=b'y'), {PARK}]", calls(PARK_CALL), "bytes"),
    bare(f"[{PARK}, f(a='x 'y', b='z')] Done.", Reply("Done.", "", (PARK_CALL,)), "quotes inside"),
    bare("[find_park(city=", Reply("[find_park(city="), "breaks off"),
    bare("[find_park(city=)]", Reply("[find_park(city=)]"), "a value belongs"),
    bare("[f(a='p 'q' 'r), g(b=']", Reply("[f(a='p 'q' 'r), g(b=']"), "breaks off"),
    content("[link](https://example.org/?a=1) and [1], [f(x)], [O'Hara], []"),
    content("[find_park('Bergen')]"),
    content("now()"),
    content("[now() is what I would call]"),
    content("[f(a=1) and so on"),
    content("[a, b] [[c"),
    content("[f"),
    content("[now"),
    content("see ["),
    # only a tool is called in the middle of a text
    Case(
        parser="pythonic",
        text="In Python: x = [Point(x=1), Point(x=2)]. [now()]",
        reply=Reply("In Python: x = [Point(x=1), Point(x=2)].", "", (NOW_CALL,)),
        tools=(tool("now"),),
    ),
    Case(parser="pythonic", text="[other(a=1)]", reply=calls(Call("other", {"a": 1})), tools=TYPED),
    # types from the schema
    Case(
        parser="pythonic",
        text="[find_park(city='12', km='3', dogs=\"true\")]",
        reply=calls(Call("find_park", {"city": "12", "km": 3, "dogs": True})),
        tools=TYPED,
    ),
    # the other formats
    Case(parser="llama4_pythonic", text=f"[{PARK}]", reply=calls(PARK_CALL)),
    Case(
        parser="llama4_pythonic",
        text=f"So: <|python_start|>[{PARK}, now()]<|python_end|>!",
        reply=Reply("So: !", "", (PARK_CALL, NOW_CALL)),
    ),
    Case(parser="llama4_pythonic", text=f"<|python_start|>[{PARK}", reply=calls(PARK_CALL)),
    Case(
        parser="olmo3",
        text=f"<function_calls>{PARK}</function_calls>",
        reply=calls(PARK_CALL),
    ),
    Case(
        parser="olmo3",
        text=f"<function_calls>\n{PARK}\nnow()\n</function_calls>",
        reply=calls(PARK_CALL, NOW_CALL),
    ),
    Case(
        parser="olmo3",
        text=f"Hm.\n<function_calls>{PARK}</function_calls>\nDone.",
        reply=Reply("Hm.\n\nDone.", "", (PARK_CALL,)),
    ),
    Case(
        parser="olmo3",
        text=f"<function_calls>f(x=1])\n{PARK}</function_calls>",
        reply=calls(PARK_CALL),
        problem="stands where a comma or ) belongs",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parser}: {case.text[:60]}")
def test_reads_pythonic_calls(case: Case) -> None:
    check(case)


def test_what_may_be_a_list_of_calls_is_held_back_until_it_is_decided() -> None:
    stream = registry().get("infra_parsers", "pythonic").stream()
    assert total(stream.feed("See [1")) == Reply("See [1")
    assert total(stream.feed("], [f(a=1)")) == Reply("],")
    assert total(stream.feed(" or so. [f(a=2)")) == Reply(" [f(a=1) or so.")
    assert stream.feed(", g(") == []
    assert total(stream.feed(")]")) == calls(Call("f", {"a": 2}), Call("g", {}))


@pytest.mark.parametrize(
    ("parser", "template"),
    [
        ("pythonic", "Respond in the format [func_name1(a=b), func_name2(params)]"),
        ("llama4_pythonic", "<|header_start|> [func_name1(a=b), func_name2(...)]"),
        ("olmo3", "{{ '<function_calls>' + calls + '</function_calls>' }}"),
        ("lfm2", "<|im_start|>system\nList of tools: {{ tools | tojson }}"),
    ],
)
def test_templates_tell_the_formats_apart(parser: str, template: str) -> None:
    names = ("pythonic", "llama4_pythonic", "olmo3", "lfm2", "gemma4", "gemma2")
    fitting = [n for n in names if registry().get("infra_parsers", n).matches(template)]
    assert fitting == [parser]


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        ("lfm2", START * 1000),
        ("lfm2", f"{START}f(a='" * 1000),
        ("lfm2", f"{START}f(a='x'y)" * 1000),
        ("lfm2", f"{START}f(((oops\"'" * 1000),
        ("lfm2", f"{START}f(a=" + "[" * 30_000),
        ("lfm2", f"{START}f(a=" + "[" * 20_000 + "]" * 20_000 + ")"),
        ("lfm2", f"{START}f(a='" + "\\'" * 5000),
        ("lfm2", f"{START}f(a=" + "'a' " * 5000),
        ("lfm2", f"{START}f(a=" + "x" * 30_000),
        ("lfm2", f"{START}f(oops" + "[" * 20_000 + "}" * 5000),
        ("pythonic", "[" * 5000),
        ("pythonic", "[f(a=" * 2000),
        ("pythonic", "[f(a='" * 2000),
        ("pythonic", "[f(a=1), " * 1000),
        ("pythonic", "[" + "f(a=1), " * 1000),
    ],
    ids=lambda text: text[:30],
)
def test_hostile_text_ends_soon_and_streams_alike(parser: str, text: str) -> None:
    form = registry().get("infra_parsers", parser)
    stream = form.stream()
    events = [event for at in range(0, len(text), 7) for event in stream.feed(text[at : at + 7])]
    assert repr(total([*events, *stream.close()])) == repr(form.parse(text))


def test_a_number_that_no_double_holds_is_text_where_the_schema_says_so() -> None:
    text = f"{START}[find(commit=6584e68829, n=[1])]{END}"
    found = calls(Call("find", {"commit": "6584e68829", "n": [1]}))
    check(
        Case(
            parser="lfm2", text=text, reply=found, tools=(tool("find", commit={"type": "string"}),)
        )
    )
    number = (tool("find", commit={"type": "number"}),)
    check(Case(parser="lfm2", text=text, reply=calls(), tools=number, problem="beyond any double"))
