"""Formats that write a call as a name and pairs of keys and values.

<tool_call>get_weather
<arg_key>city</arg_key>
<arg_value>Oslo</arg_value>
</tool_call>

GLM-4.7 and others leave the line breaks out.
"""

from ..cores.key_value import KeyValue
from ..cores.labelled import Labelled

GLM = KeyValue(
    names=(
        *("glm45", "glm47", "glm", "ling3", "poolside_v1", "laguna"),
        *("spark25", "spark2.5", "spark3", "spark"),
    ),
    source="https://huggingface.co/zai-org/GLM-4.5/blob/main/chat_template.jinja",
    openers=("<tool_call>",),
    closers=("</tool_call>", "<|role_end|>"),
    template_has=("<tool_call>", "<arg_key>"),
    template_lacks=("<tool_sep>",),
)


#: <tool_calls><tool_call>get_date<tool_sep></tool_call></tool_calls>, with any label in the tags
HY_V3 = Labelled(
    names=("hy_v3", "hunyuan", "hy_v4"),
    source="https://huggingface.co/tencent/Hy3/blob/main/chat_template.jinja",
    tags=("think", "tool_calls", "tool_call", "tool_sep", "arg_key", "arg_type", "arg_value"),
    openers=("<tool_call>", "<tool_calls>"),
    closers=("</tool_call>", "</tool_calls>"),
    sections=("<tool_calls>",),
    separators=("<tool_sep>",),
    think_variants=("<think:opensource>",),
    template_has=("<tool_call>", "<tool_sep>", "<arg_key>"),
)


def _pair(tag: str) -> tuple[str, str]:
    return f"<{tag}:opensource>", f"</{tag}:opensource>"


#: the label of the released models, which a prompt that opens their reasoning ends with
HY_V3_OPENSOURCE = KeyValue(
    names=("hy_v3_opensource",),
    source=HY_V3.source,
    openers=("<tool_call:opensource>", "<tool_calls:opensource>"),
    closers=("</tool_call:opensource>", "</tool_calls:opensource>"),
    sections=("<tool_calls:opensource>",),
    separators=("<tool_sep:opensource>",),
    think=_pair("think"),
    key=_pair("arg_key"),
    kind=_pair("arg_type"),
    value=_pair("arg_value"),
    template_has=("<tool_sep", ":opensource"),
)

#: <ifm|tool_calls><ifm|tool_call>get_date</ifm|tool_call></ifm|tool_calls>, or JSON inside
K2_HORIZON = KeyValue(
    names=("k2_horizon",),
    source="https://docs.vllm.ai/en/latest/features/tool_calling",
    openers=("<ifm|tool_call>", "<ifm|tool_calls>"),
    closers=("</ifm|tool_call>", "</ifm|tool_calls>"),
    sections=("<ifm|tool_calls>",),
    think=("<ifm|think>", "</ifm|think>"),
    think_variants=("<ifm|think_fast>", "<ifm|think_faster>"),
    think_closers=("</ifm|think_fast>", "</ifm|think_faster>"),
    key=("<ifm|arg_key>", "</ifm|arg_key>"),
    kind=("<ifm|arg_type>", "</ifm|arg_type>"),
    value=("<ifm|arg_value>", "</ifm|arg_value>"),
    template_has=("<ifm|tool_call>",),
)

IQUEST_Q1 = KeyValue(
    names=("iquest_q1",),
    source="https://huggingface.co/IQuestLab",
    openers=("<iquest_tool_call>",),
    closers=("</iquest_tool_call>",),
    template_has=("<iquest_tool_call>",),
)
