"""What a format's table of examples is made of, and the one check that all of them go through."""

from dataclasses import dataclass

from infra.calls.events import total
from infra.plugins import registry
from infra.types import Call, Reply, ToolSchema


@dataclass(frozen=True, kw_only=True)
class Case:
    """A text in one format and what it says. ``problem``: words of the one sentence that is
    expected about it; without, none may come."""

    parser: str
    text: str
    reply: Reply
    tools: tuple[ToolSchema, ...] = ()
    starts_in_reasoning: bool = False
    problem: str | None = None


def tool(name: str, **properties: object) -> ToolSchema:
    """A function schema; ``tool("f", n={"type": "integer"})``."""
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def calls(*made: Call) -> Reply:
    """A reply of nothing but calls."""
    return Reply(calls=made)


def check(case: Case) -> None:
    """The text read at once, a character at a time, and in pieces of 2, 3, 5 and 10."""
    parser = registry().get("infra_parsers", case.parser)
    whole = parser.parse(case.text, case.tools, case.starts_in_reasoning)
    assert (whole.content, whole.reasoning, whole.calls) == (
        case.reply.content,
        case.reply.reasoning,
        case.reply.calls,
    )
    if case.problem is None:
        assert whole.problems == ()
    else:
        assert any(case.problem in sentence for sentence in whole.problems), whole.problems
    for size in (1, 2, 3, 5, 10):
        stream = parser.stream(case.tools, case.starts_in_reasoning)
        pieces = (case.text[at : at + size] for at in range(0, len(case.text), size))
        events = [event for piece in pieces for event in stream.feed(piece)]
        assert total([*events, *stream.close()]) == whole
