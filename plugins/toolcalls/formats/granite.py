"""IBM's formats before Granite 4, which speaks Hermes.

Granite 3         <|tool_call|> [{"name": "get_weather", "arguments": {"city": "Oslo"}}]
Granite 20B FC    <function_call> {"name": "get_weather", "arguments": {"city": "Oslo"}}

Granite 3.2 opens and ends its reasoning with a sentence each.
"""

from ..cores.json_tag import JsonTag

GRANITE = JsonTag(
    names=("granite",),
    source="https://huggingface.co/ibm-granite/granite-3.3-8b-instruct",
    openers=("<|tool_call|>", "<tool_call>"),
    closers=("</tool_call>", "<response>", "</response>"),
    think_variants=("Here is my thought process:", "Here's my thought process:"),
    think_closers=("Here is my response:", "Here's my response:"),
    template_has=("<|tool_call|>",),
    template_lacks=("<|/tool|>",),
)

GRANITE_20B_FC = JsonTag(
    names=("granite-20b-fc",),
    source="https://huggingface.co/ibm-granite/granite-20b-functioncalling",
    openers=("<function_call>",),
    closers=("</function_call>",),
    template_has=("<function_call>",),
)
