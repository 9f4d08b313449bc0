"""Mistral's models, which write calls behind a marker, in three ways by the tokenizer's version.

[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "123456789"}]
[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo"}[TOOL_CALLS]get_time[ARGS]{}
[TOOL_CALLS]get_weather[CALL_ID]123456789[ARGS]{"city": "Oslo"}
"""

from ..cores.named_json import NamedJson
from ..cores.shapes import named_json

MISTRAL = NamedJson(
    names=("mistral",),
    source="https://docs.mistral.ai/capabilities/function_calling",
    openers=("[TOOL_CALLS]",),
    closers=("[/TOOL_CALLS]",),
    separators=("[CALL_ID]", "[ARGS]"),
    id_after="[CALL_ID]",
    names_alone=True,
    think=("[THINK]", "[/THINK]"),
    template_has=("[TOOL_CALLS]",),
    shape=named_json,
)
