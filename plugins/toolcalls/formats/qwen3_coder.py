"""Formats that write a call as tags with the names in them, and arguments as text.

<tool_call>
<function=get_weather>
<parameter=city>
Oslo
</parameter>
</function>
</tool_call>
"""

from ..cores.shapes import tagged_text
from ..cores.tagged import Tagged

#: tokens that MiniCPM-V writes among its tags; they mean nothing
RESERVED = [f"<{bar}reserved_{number}{bar}>" for bar in ("", "|") for number in range(12, 16)]

#: also Qwen3.5, Nemotron 3, Step-3.5, Granite 4.2, MiniCPM-V and Nanbeige
QWEN3_CODER = Tagged(
    names=(
        *("qwen3_coder", "qwen3_xml", "nemotron_v3", "step3p5", "granite_thinking"),
        *("minicpmv", "minicpm_v", "nanbeige", "iquest_coder"),
    ),
    source="https://huggingface.co/Qwen/Qwen3-Coder-30B-A3B-Instruct/blob/main/chat_template.jinja",
    openers=("<tool_call>", "<function="),
    closers=("</tool_call>",),
    noise=dict.fromkeys(RESERVED, ""),
    fenced_is_text=True,
    template_has=("<tool_call>", "<function=", "<parameter="),
    template_lacks=("'</parameter>", "<seed:tool_call>"),
    shape=tagged_text,
)

#: <tool_call><function=f><parameter=city>Oslo</parameter></function></tool_call>
MIMO = Tagged(
    names=("mimo",),
    source="https://huggingface.co/XiaomiMiMo/MiMo-V2-Flash/blob/main/chat_template.jinja",
    openers=("<tool_call>", "<function="),
    closers=("</tool_call>",),
    trims=False,
    template_has=("<tool_call>", "<function=", "<parameter=", "'</parameter>"),
    template_lacks=("<seed:tool_call>",),
    shape=tagged_text,
)

SEED_OSS = Tagged(
    names=("seed_oss",),
    source="https://huggingface.co/ByteDance-Seed/Seed-OSS-36B-Instruct/blob/main/chat_template.jinja",
    openers=("<seed:tool_call>", "<function="),
    closers=("</seed:tool_call>",),
    think=("<seed:think>", "</seed:think>"),
    template_has=("<seed:tool_call>",),
    shape=tagged_text,
)
