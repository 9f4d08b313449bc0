"""Formats with a tag for each call and each argument: dots, Step-3, MiniCPM5, Kimi K3."""
# ruff: noqa: RUF001 - the tokens are written with this bar

import pytest
from cases import Case, check, tool

from infra.types import Call, Reply

F = Call("f", {})
CITY = tool("f", city={"type": "string"}, days={"type": "integer"})


def dots(*invokes: str) -> str:
    return f"<dots_function_call>{''.join(invokes)}</dots_function_call>"


def dots_invoke(name: str, **arguments: str) -> str:
    given = [f'<parameter name="{key}">{value}</parameter>' for key, value in arguments.items()]
    return f'<invoke name="{name}">{"".join(given)}</invoke>'


DOTS = {
    f"one{dots(dots_invoke('f'))}two{dots(dots_invoke('g', a='5', b='x < y'))}": Reply(
        "onetwo", "", (F, Call("g", {"a": 5, "b": "x < y"}))
    ),
    dots(dots_invoke("f"), dots_invoke("f")): Reply(calls=(F, F)),
    dots('{"name": "f", "arguments": {"a": "</dots_function_call>"}}'): Reply(
        calls=(Call("f", {"a": "</dots_function_call>"}),)
    ),
    f"<think>{dots(dots_invoke('f'))}</think>no": Reply("no", dots(dots_invoke("f"))),
    f"<think>so {dots(dots_invoke('f'))}": Reply("", "so", (F,)),
    "<dots_function_call>" + dots_invoke("f"): Reply(calls=(F,)),
    "a </dots_function_call>": Reply("a"),
    "a <dots_func": Reply("a <dots_func"),
}

BEGIN, END = "<｜tool_calls_begin｜>", "<｜tool_calls_end｜>"


def step3(name: str, before: str = "function<｜tool_sep｜>", **arguments: str) -> str:
    given = [
        f'<steptml:parameter name="{key}">{value}</steptml:parameter>'
        for key, value in arguments.items()
    ]
    invoke = f'<steptml:invoke name="{name}">{"".join(given)}</steptml:invoke>'
    return f"<｜tool_call_begin｜>{before}{invoke}<｜tool_call_end｜>"


STEP3 = {
    f"one {BEGIN}{step3('f')}{step3('g', a='5')}{END} two": Reply(
        "one  two", "", (F, Call("g", {"a": 5}))
    ),
    f"{BEGIN}\n{step3('f', 'function<｜tool_sep｜>f', a=' 1 < 2')}\n{END}": Reply(
        calls=(Call("f", {"a": " 1 < 2"}),)
    ),
    f"{BEGIN}{step3('f', '')}<｜tool_sep｜>{step3('f', '')}{END}": Reply(calls=(F, F)),
    f"<think>so{BEGIN}{step3('f')}{END}": Reply("", "so", (F,)),
    step3("f"): Reply(calls=(F,)),
    f"{BEGIN}{step3('f').partition('<｜tool_call_end')[0]}": Reply(calls=(F,)),
}


def minicpm5(name: str, **arguments: str) -> str:
    given = [f'<param name="{key}">{value}</param>' for key, value in arguments.items()]
    return f'<function name="{name}">{"".join(given)}</function>'


MINICPM5 = {
    f"one\n{minicpm5('f')}\ntwo\n{minicpm5('g', a='5', b='A & B')}\n": Reply(
        "one\ntwo", "", (F, Call("g", {"a": 5, "b": "A & B"}))
    ),
    minicpm5("f", a="<![CDATA[<b>\n</param> ]] >]]>"): Reply(
        calls=(Call("f", {"a": "<b>\n</param> ]] >"}),)
    ),
    minicpm5("f", a="<![CDATA[a]]]]><![CDATA[>b]]>"): Reply(calls=(Call("f", {"a": "a]]>b"}),)),
    minicpm5("f", a="x").replace(" name", "name"): Reply(calls=(Call("f", {"a": "x"}),)),
    minicpm5("f", a="x").replace(" name", "Ġname"): Reply(calls=(Call("f", {"a": "x"}),)),
    minicpm5("f", a="x").removesuffix("</function>"): Reply(calls=(Call("f", {"a": "x"}),)),
    f"<think>{minicpm5('f')}</think>no": Reply("no", minicpm5("f")),
}


def k3(*calls: str) -> str:
    return f"<|open|>tools<|sep|>{''.join(calls)}<|close|>tools<|sep|>"


def k3_call(name: str, *arguments: tuple[str, str, str]) -> str:
    given = [
        f'<|open|>argument key="{key}" type="{kind}"<|sep|>{value}<|close|>argument<|sep|>'
        for key, kind, value in arguments
    ]
    return f'<|open|>call tool="{name}" index="1"<|sep|>{"".join(given)}<|close|>call<|sep|>'


def k3_section(name: str, text: str) -> str:
    return f"<|open|>{name}<|sep|>{text}<|close|>{name}<|sep|>"


K3_OBJECT = (
    '<|open|>call tool="f" index="1"<|sep|><|open|>json type="object"<|sep|>{"a": 5}'
    "<|close|>json<|sep|><|close|>call<|sep|>"
)
K3 = {
    k3_section("think", "so") + k3_section("response", "Hi.") + "<|close|>message<|sep|>": Reply(
        "Hi.", "so"
    ),
    k3_section("response", "Hi.") + k3(k3_call("f"), k3_call("g", ("a", "number", "5"))): Reply(
        "Hi.", "", (F, Call("g", {"a": 5}))
    ),
    k3(k3_call("f", ("a", "string", "5"), ("b", "object", '{"c": [null]}'))): Reply(
        calls=(Call("f", {"a": "5", "b": {"c": [None]}}),)
    ),
    k3(k3_call("f", ("a", "string", ' "x" &quot; <|\n'), ("b", "array", "[no"))): Reply(
        calls=(Call("f", {"a": ' "x" &quot; <|\n', "b": "[no"}),)
    ),
    k3(k3_call("a&amp;&quot;b&quot;", ("&quot;", "null", "null"))): Reply(
        calls=(Call('a&"b"', {'"': None}),)
    ),
    f"<|open|>think<|sep|>so{k3(k3_call('f'))}": Reply("", "so", (F,)),
    k3_section("think", k3(k3_call("f"))) + "no": Reply("no", k3(k3_call("f"))),
    k3(k3_call("f")).partition("<|close|>")[0] + "<|close|>call<|sep|>": Reply(calls=(F,)),
    k3(K3_OBJECT, k3_call("g")): Reply(calls=(Call("f", {"a": 5}), Call("g", {}))),
    "<|open|>think<|sep|>so<|close|>think" + k3_section("response", "Hi."): Reply("Hi.", "so"),
    "<|open|>think<|sep|>so" + k3_section("response", "Hi."): Reply("Hi.", "so"),
    "<|open|> response <|sep|>Hi<|close|> response <|sep|>": Reply("Hi"),
    k3(k3_call("f<T", ("a<b", "string", "<"))): Reply(calls=(Call("f<T", {"a<b": "<"}),)),
    "cut <|open|>tools": Reply("cut"),
    "cut <": Reply("cut <"),
}

TABLES = {"dots": DOTS, "step3": STEP3, "minicpm5": MINICPM5, "kimi_k3": K3}
CASES = [
    Case(parser=parser, text=text, reply=reply)
    for parser, table in TABLES.items()
    for text, reply in table.items()
]
CASES += [
    Case(
        parser=parser,
        text=text,
        reply=Reply(calls=(Call("f", {"city": "7", "days": 7}),)),
        tools=(CITY,),
    )
    for parser, text in [
        ("dots", dots(dots_invoke("f", city="7", days=" 7 "))),
        ("step3", BEGIN + step3("f", city="7", days=" 7 ") + END),
        ("minicpm5", minicpm5("f", city="7", days=" 7 ")),
        ("minicpm5", minicpm5("f", arguments='{"city": "7", "days": "7"}')),
        ("minicpm5", minicpm5("f", properties="{'city': '7', 'days': 7}")),
        ("kimi_k3", k3(k3_call("f", ("city", "number", "7"), ("days", "string", "7")))),
    ]
]
CASES += [
    Case(parser=parser, text=text, reply=Reply(content, calls=made), problem=problem)
    for parser, text, content, made, problem in [
        ("dots", dots("words"), "words", (), "no tag"),
        ("dots", dots("<invoke>", dots_invoke("f")), "", (F,), "broken"),
        ("dots", dots(dots_invoke("f", a="cut")).partition("t</")[0], "", (), "'a'"),
        ("step3", f"{BEGIN}<｜tool_call_begin｜>words{END}", "words", (), "no tag"),
        ("step3", step3("f", a="cut").partition("t</")[0], "", (), "'a'"),
        ("minicpm5", minicpm5("f").replace("></", "><param>x</param></"), "", (), "broken"),
        ("minicpm5", minicpm5("f", a="cut").partition("t</")[0], "", (), "'a'"),
        ("kimi_k3", k3(k3_call("f").replace(' tool="f"', ""), k3_call("f")), "", (F,), "no tag"),
        ("kimi_k3", k3(k3_call("f", ("a", "string", "cut"))).partition("t<|")[0], "", (), "'a'"),
    ]
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parser}: {case.text[:50]}")
def test_invoke(case: Case) -> None:
    check(case)
