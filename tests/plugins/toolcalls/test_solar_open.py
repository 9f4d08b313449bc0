"""Solar Open: a call's id, name and arguments, between tokens of their own; and its successor."""

import pytest
from cases import Case, calls, check

from infra.types import Call, Reply

BEGIN, END, NEXT = "<|tool_calls|>", "<|calls|>", "<|begin|>assistant"
F, G = Call("f", {"a": 1}, "x1"), Call("g", {}, "x2")


def one(id: str = "x1", name: str = "f", arguments: str = '{"a": 1}') -> str:
    head = f"<|tool_call:begin|>{id}<|tool_call:name|>{name}"
    return f"{head}<|tool_call:args|>{arguments}<|tool_call:end|>"


def case(text: str, reply: Reply, problem: str | None = None, thinks: bool = False) -> Case:
    return Case(
        parser="solar_open", text=text, reply=reply, problem=problem, starts_in_reasoning=thinks
    )


CASES = [
    case(BEGIN + one() + END, calls(F)),
    case(BEGIN + one() + one("x2", "g", "{}") + END, calls(F, G)),
    case(BEGIN + one("x2", "g", "") + END, calls(G)),
    case(one(), calls(F)),
    case(f"<|think|>hm<|end|>{NEXT}<|content|>Hi<|end|>", Reply("Hi", "hm")),
    case(f"hm<|end|>{NEXT}{BEGIN}{one()}", Reply("", "hm", (F,)), None, True),
    case(f"hm{BEGIN}{one()}", Reply("", "hm", (F,)), None, True),
    case(f"<|think|>{one()}<|end|>no", Reply("no", one())),
    case(BEGIN + one(arguments='{"a": ') + one() + END, calls(F), "broken"),
    case(f"Hi{BEGIN}<|tool_call:begin|>x1<|tool_call:name|>f", Reply("Hi"), "has no arguments"),
]


PAIR = "<|tool_arg:start|>a<|tool_arg:value|>1<|tool_arg:end|>"
NEWER = f"<|tool_call:start|>f\n{PAIR}\n<|tool_call:end|>"
H = Call("f", {"a": 1})


def newer(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="solar_open2", text=text, reply=reply, problem=problem)


CASES += [
    newer(NEWER, calls(H)),
    newer(f"Look.{NEWER}\n{NEWER}", Reply("Look.", "", (H, H))),
    newer(f"<|think:start|>hm<|think:end|>Hi{NEWER}", Reply("Hi", "hm", (H,))),
    newer("<|tool_call:start|>g\n<|tool_call:end|>", calls(Call("g", {}))),
    newer(f"<|tool_call:start|>f\n{PAIR}\n{NEWER}", calls(H, H)),
    newer(NEWER.replace("1", "{'b': [true]}\n x"), calls(Call("f", {"a": "{'b': [true]}\n x"}))),
    newer(NEWER.replace("1", "a <|tool_call: b"), calls(Call("f", {"a": "a <|tool_call: b"}))),
    newer(
        f"<|tool_call:start|>f\n{PAIR.removesuffix('<|tool_arg:end|>')}", Reply(), "is not closed"
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.text[:60])
def test_solar_open(case: Case) -> None:
    check(case)
