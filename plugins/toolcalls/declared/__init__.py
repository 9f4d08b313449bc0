"""The format that a tokenizer declares itself: ``response_template`` in tokenizer_config.json.

    {"start_anchor": "<|im_start|>assistant\\n",
     "fields": {
       "reasoning_content": {"open": "<think>", "close": "</think>"},
       "tool_calls": {"open": "<tool_call>", "close": "</tool_call>", "content": "json",
                      "repeats": true,
                      "transform": {"type": "function", "function": "{content}"}},
       "content": {"close": "<|im_end|>"}}}

A field names a part of the message and what opens and closes it; one without an opener gets all
text that no other has. Both may be regular expressions, which can look at any text before and
behind, so a text is read once it is whole. Of several stretches of content transformers keeps the
last, unless it is told what to join them with; infra adds them up. As in every other format, a call
counts inside reasoning that is never closed.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from infra.calls.events import Event, total
from infra.types import CallRules, Json, Reply, ToolSchema

from ..cores.arguments import Raw, described
from ..cores.json_text import shortened
from ..cores.writer import Writer
from .field import Field
from .regions import Region, regions
from .template import REASONING, fields
from .values import calls

#: contents whose values are text
AS_TEXT = ("xml-inline", "kv-lines")
#: what reading by a stranger's declaration may raise, whose details nobody has checked
STRANGE = (ValueError, TypeError, AttributeError, LookupError, RecursionError, re.error)


class ResponseTemplate:
    """A parser by a declaration; without one, all text is content."""

    names: tuple[str, ...] = ("response_template", "hf")
    family = "declared"
    source = "https://huggingface.co/docs/transformers/main/chat_response_parsing"

    def __init__(self, template: Json = None) -> None:
        self.think = ("", "")
        self.fields: dict[str, Field] = {}
        self.problem: str | None = None
        try:
            self.fields = fields(template)
        except ValueError as error:
            self.problem = f"The tokenizer's response_template cannot be used: {error}."
        for field in self.fields.values():
            if field.name in REASONING:
                self.think = field.literals

    def declared(self, template: Json) -> "ResponseTemplate":
        """A parser for this declaration; one that cannot be used is a problem in every reply."""
        return ResponseTemplate(template)

    def matches(self, template: str) -> bool:
        """Never: a chat template says nothing of it."""
        return False

    def stream(
        self, tools: Sequence[ToolSchema] = (), starts_in_reasoning: bool = False
    ) -> "WholeText":
        """A reader of one text that comes in pieces; it tells everything at the end."""
        return WholeText(self, tools, starts_in_reasoning)

    def parse(
        self, text: str, tools: Sequence[ToolSchema] = (), starts_in_reasoning: bool = False
    ) -> Reply:
        """The whole text at once."""
        stream = self.stream(tools, starts_in_reasoning)
        return total([*stream.feed(text), *stream.close()])

    def grammar(self, tools: Sequence[ToolSchema], rules: CallRules) -> str | None:
        """None: what a declaration reads is more than what a model should write."""
        return None


class WholeText:
    """One text, read once it is complete."""

    def __init__(
        self, form: ResponseTemplate, tools: Sequence[ToolSchema], starts_in_reasoning: bool
    ) -> None:
        self._format, self._out = form, Writer(tools)
        self._starts_in_reasoning = starts_in_reasoning
        self._pieces: list[str] = []
        self._begun = defaultdict[str, bool](bool)  # whether a field has had a stretch

    def feed(self, piece: str) -> list[Event]:
        """Nothing is certain before the end."""
        self._pieces.append(piece)
        return []

    def close(self) -> list[Event]:
        """All that the text says."""
        text, form = "".join(self._pieces), self._format
        if form.problem:
            self._out.problem(form.problem)
            self._out.content(text)
        else:
            for region in regions(form.fields, text, self._starts_in_reasoning):
                self._tell(region)
        return self._out.drain()

    def _tell(self, region: Region) -> None:
        if region.field is None:
            return
        if region.field.name == "content":
            self._out.content(self._joined(region.field, region.text))
        elif region.field.name in REASONING:
            self._out.reasoning(self._joined(region.field, region.text))
        elif region.field.name == "tool_calls":
            self._call(region.field, region)

    def _joined(self, field: Field, text: str) -> str:
        """What a stretch of a field adds to it; where they are joined, blank ones add nothing."""
        if not field.join:
            return text
        before = self._begun[field.name] * field.join if text.strip() else ""
        self._begun[field.name] |= bool(text.strip())
        return before + text.strip()

    def _call(self, field: Field, region: Region) -> None:
        try:
            for name, arguments, given in calls(field, region.text, region.captures):
                self._out.call(name, self._read(field, name, arguments), given)
        except STRANGE as error:
            self._out.problem(f"The tool call {shortened(region.text)} is broken: {error}.")

    def _read(self, field: Field, name: str, arguments: dict[str, Json]) -> dict[str, Json]:
        """Where values are written as text, they may be whatever the tool's schema says."""
        if field.content not in AS_TEXT:
            return arguments
        schema = self._out.schema(name)
        return {
            key: Raw(value) if isinstance(value, str) and described(key, schema) else value
            for key, value in arguments.items()
        }
