"""Formats that write a call as JSON between a pair of tags.

<tool_call>
{"name": "get_weather", "arguments": {"city": "Oslo"}}
</tool_call>
"""

from ..cores.json_tag import JsonTag
from ..cores.shapes import tagged_json

HERMES = JsonTag(
    names=(
        *("hermes", "qwen", "qwen25", "qwen3_json", "json_tools"),
        *("granite4", "smollm3", "mimo_vl", "reka"),
    ),
    source="https://github.com/NousResearch/Hermes-Function-Calling",
    openers=("<tool_call>",),
    closers=("</tool_call>",),
    template_has=("<tool_call>",),
    template_lacks=(
        *("<function=", "<arg_key>", "<tool_sep>", "]<]minimax[>["),
        "[BEGIN FINAL RESPONSE]",
    ),
    shape=tagged_json,
)

# This model calls from within its reasoning and goes on to reason.
TRINITY = JsonTag(
    names=("trinity",),
    source="https://huggingface.co/arcee-ai/Trinity-Large-Preview",
    openers=("<tool_call>",),
    closers=("</tool_call>",),
    calls_in_thought=True,
    template_has=("<tool_call>", "Trinity"),
    template_lacks=HERMES.template_lacks,
)

# The answer stands in a wrapper.
ERNIE45 = JsonTag(
    names=("ernie45", "ernie"),
    source="https://huggingface.co/baidu/ERNIE-4.5-21B-A3B-Thinking",
    openers=("<tool_call>",),
    closers=("</tool_call>", "<response>", "</response>", "</s>"),
    template_has=("<tool_call>", "<response>"),
    template_lacks=HERMES.template_lacks,
    shape=tagged_json,
)

# This model writes the tag that its prompt lists the tools in.
QWEN2_5_CODER = JsonTag(
    names=("qwen2_5_coder", "qwen25_coder"),
    source="https://huggingface.co/Qwen/Qwen2.5-Coder-32B-Instruct",
    openers=("<tools>", "<tool_call>"),
    closers=("</tools>", "</tool_call>"),
)
