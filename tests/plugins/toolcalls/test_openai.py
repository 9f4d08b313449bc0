"""gpt-oss: messages with headers, whole and in pieces."""

import pytest
from cases import Case, calls, check, tool

from infra.types import Call, Reply

CHANNEL, MESSAGE = "<|channel|>", "<|message|>"
NEXT, END, CALL = "<|start|>assistant", "<|end|>", "<|call|>"
F, G = Call("f", {"a": 1}), Call("g", {})


def said(channel: str, body: str) -> str:
    return f"{CHANNEL}{channel}{MESSAGE}{body}"


TO_F = said("commentary to=functions.f <|constrain|>json", '{"a": 1}')


def case(text: str, reply: Reply, problem: str | None = None) -> Case:
    return Case(parser="openai", text=text, reply=reply, problem=problem)


TEXTS = [
    case(said("final", "Hello,\nyou.<|return|>"), Reply("Hello,\nyou.")),
    case(
        said("commentary", "Let me see.") + END + NEXT + said("final", "It is 4."),
        Reply("Let me see.\nIt is 4."),
    ),
    case(said("analysis", "Hm.") + END + NEXT + said("final", "Hi"), Reply("Hi", "Hm.")),
    case(said("analysis", "Hm.") + END + said("analysis", "So.") + END, Reply("", "Hm.\nSo.")),
    case(said("final <|constrain|>json", '{"a": 1}'), Reply('{"a": 1}')),
    case(said("analysis", "Hm.") + NEXT + said("final", "Hi"), Reply("Hi", "Hm.")),
    case("Just words, and <b>.", Reply("Just words, and <b>.")),
    case("Hi", Reply("Hi")),
    case(f"{CHANNEL}final Hi<|return|>", Reply("Hi")),
    case(f"{CHANNEL}ana", Reply()),
    case(said("odd", "Hi"), Reply("Hi")),
    case(f"<|start|>system{MESSAGE}Hi", Reply("Hi")),
    case("", Reply()),
]

CALLS = [
    case(TO_F + CALL, calls(F)),
    case(TO_F, calls(F)),
    case(said("commentary to=functions.f", '{"a": 1}'), calls(F)),
    case(said("analysis to=f", ' {"a": 1}\n'), calls(F)),
    case(" to=functions.f" + said("analysis", '{"a": 1}'), calls(F)),
    case(
        " to=functions.f"
        + said("commentary json", '{"a": 1}')
        + CALL
        + NEXT
        + " to=functions.g"
        + said("commentary", "{}"),
        calls(F, G),
    ),
    case(
        said("analysis", "Hm.") + END + NEXT + TO_F + CALL + NEXT + said("final", "Hi"),
        Reply("Hi", "Hm.", (F,)),
    ),
    case(f"Let me look.{NEXT}{TO_F}", Reply("Let me look.", "", (F,))),
    case(f"{TO_F}{CALL}commentary{TO_F}{CALL}{said('final', '')}", calls(F, F)),
    case(said("commentary to=math.sum", "{}"), calls(Call("math.sum", {}))),
    case(said("commentary to=functions.g", CALL), calls(G)),
    case(
        said("commentary to=functions.f", f'{{"a": "{CALL}{NEXT}"}}'),
        calls(Call("f", {"a": CALL + NEXT})),
    ),
    case(said("final to=user", "Hi"), Reply("Hi")),
    case(f"{CHANNEL}commentary to=assistant" + said("analysis", "Hm."), Reply("", "Hm.")),
    case(f"{CHANNEL}commentary to=assistant" + said("final", "Hi"), Reply("Hi")),
    case(
        said("commentary to=assistant", "x") + END + NEXT + said("final", "Hi"),
        Reply("Hi"),
        "assistant itself",
    ),
    case(said("commentary to=functions.f", '{"a": 1') + CALL + NEXT + TO_F, calls(F), "broken"),
    case(said("commentary to=functions.f", "a = 1") + CALL, Reply(), "no JSON object"),
    case(said("commentary to=functions.f", '{"a": "x'), Reply(), "breaks off"),
    case(
        said("analysis", "Hm.") + f"{NEXT}{CHANNEL}commentary to=functions.f",
        Reply("", "Hm."),
        "'functions.f' has no arguments",
    ),
    case(said("commentary to=functions.f", ""), Reply(), "no JSON object"),
    Case(
        parser="openai",
        text=said("commentary to=functions.f", '{"a": "1", "b": "2"}'),
        reply=calls(Call("f", {"a": 1, "b": "2"})),
        tools=(tool("f", a={"type": "integer"}, b={"type": "string"}),),
    ),
]

#: the prompt ends with the header of reasoning
OPENED = [
    Case(parser="openai", text=text, reply=Reply("", "Hm.", (F,)), starts_in_reasoning=True)
    for text in (f"Hm.{END}{NEXT}{TO_F}", f"Hm.{NEXT}{TO_F}{CALL}", f"Hm.{TO_F}{CALL}")
]

#: a decoder left the markers out
BARE = [
    case("analysisHm.assistantfinalHi", Reply("Hi", "Hm.")),
    case("analysis So it is. assistantfinal Hi", Reply("Hi", "So it is.")),
    case("commentary One. assistantfinal Two.", Reply("One. \n Two.")),
    case("assistantfinal Hi", Reply("Hi")),
    case("analysis of it, in short", Reply("analysis of it, in short")),
    case('analysisHm.assistantcommentary to=functions.f json{"a": 1}', Reply("", "Hm.", (F,))),
    case('analysisHm.assistant to=functions.fcommentary json{"a": 1}', Reply("", "Hm.", (F,))),
    case('commentary to=f code{"a": 1}assistantfinalHi', Reply("Hi", "", (F,))),
    case(' to=functions.fcommentary json{"a": 1}', calls(F)),
    case(
        "commentaryLook.assistantcommentary to=functions.my_analysis json{}",
        Reply("Look.", "", (Call("my_analysis", {}),)),
    ),
    case("analysisHm.assistantcommentary to=f ", Reply("", "Hm."), "no JSON object"),
    case("finalHi", Reply("Hi")),
    case("analysisHm.<|end|><|start|>assistant<|channel|>final<|message|>Hi", Reply("Hi", "Hm.")),
    case("finalHi<|return|>", Reply("Hi")),
    *(
        case(text, Reply(text))
        for text in (
            "final answer",
            "finally",
            "Analysis",
            "commentary: one",
            "to=functions",
            "final",
        )
    ),
]

CASES = [*TEXTS, *CALLS, *OPENED, *BARE]


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.text[:60])
def test_openai(case: Case) -> None:
    check(case)
