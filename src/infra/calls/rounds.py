"""Rounds of tool results: an answer's calls are carried out, and the model is asked again."""

import json
from collections.abc import Sequence
from dataclasses import replace

from infra import chat
from infra.calls.parsers import thinking
from infra.calls.toolbox import Toolbox, function_name
from infra.clock import Clock
from infra.errors import Refused
from infra.journal import Journal
from infra.protocols import Parser
from infra.request import Asked
from infra.types import Call, Json, Message, Prompt, Reply, Result

#: a result that no template writes by itself
MARK = "infra-21"


class Rounds:
    """What follows an answer."""

    def __init__(
        self, tools: Toolbox, parser: Parser, template: str | None, journal: Journal, clock: Clock
    ) -> None:
        self._tools, self._parser, self._template = tools, parser, template
        self._journal, self._clock = journal, clock

    def after(self, asked: Asked, reply: Reply) -> Asked | None:
        """The next round, once every call is carried out; ``None`` where there is none, or the
        chat template does not take so many results, which is noted."""
        if not reply.calls:
            return None
        results = [self._carry_out(call, asked.prompt) for call in reply.calls]
        told = said(asked.prompt, reply, results)
        prompt = replace(asked.prompt, messages=(*asked.prompt.messages, *told))
        try:
            chat.render(self._template, prompt)
        except Refused as error:
            self._journal.write("note", text=f"With the results of its calls: {error}")
            return None
        thinks = thinking(self._template, prompt, self._parser)
        return Asked(asked.index, prompt, thinks, asked.round + 1, told)

    def _carry_out(self, call: Call, prompt: Prompt) -> Result:
        """Answer one call; that it begins is told before anything runs."""
        result = Result(call, self._clock.now(), simulated=not self._tools.runs(call))
        self._journal.write("call", **vars(result))
        value, error = self._tools.answer(call, prompt)
        ended = {"end": self._clock.now(), "value": value, "error": error}
        self._journal.write("result", **ended)
        return replace(result, **ended)


def check(template: str | None, prompts: Sequence[Prompt]) -> None:
    """Whether the model would be shown results.

    Raises:
        Refused: its chat template has no place for them.
    """
    prompt = next(each for each in prompts if each.tools)
    call = Call(function_name(prompt.tools[0]), {})
    told = said(prompt, Reply(calls=(call,)), [Result(call, 0.0, simulated=True, value=MARK)])
    lacking = "tools.loop needs a chat template with a place for results; the model's has none."
    try:
        shown = chat.render(template, replace(prompt, messages=(*prompt.messages, *told)))
    except Refused as error:
        raise Refused(f"{lacking} {error}") from error
    if MARK not in shown:
        raise Refused(lacking)


def said(prompt: Prompt, reply: Reply, results: Sequence[Result]) -> list[Message]:
    """What the next round is told besides: what the model said, and a message for each result."""
    # nine letters and digits, as Mistral's templates want them
    numbers = enumerate((result.call for result in results), len(prompt.messages))
    ids = [call.id or f"call{number:05}" for number, call in numbers]
    calls = [_written(id, each.call) for id, each in zip(ids, results, strict=True)]
    answer: Message = {"role": "assistant", "content": reply.content, "tool_calls": calls}
    if reply.reasoning:
        answer["reasoning_content"] = reply.reasoning
    told: list[Message] = [
        {"role": "tool", "name": each.call.name, "tool_call_id": id, "content": _text(each.value)}
        for id, each in zip(ids, results, strict=True)
    ]
    return [_unicode(message) for message in (answer, *told)]


def _written(id: str, call: Call) -> Json:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": id, "type": "function", "function": function}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unicode(message: Message) -> Message:
    """The same without halves of characters, which no tokenizer takes."""
    text = json.dumps(message, ensure_ascii=False).encode(errors="replace")
    kept: Message = json.loads(text)
    return kept
