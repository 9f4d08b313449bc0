"""Upstage's formats. Solar Open writes messages of different kinds; calls have ids, and JSON.

<|think|>Where was it?<|end|><|begin|>assistant<|tool_calls|><|tool_call:begin|>a1b2c3d4e5
<|tool_call:name|>get_weather<|tool_call:args|>{"city": "Oslo"}<|tool_call:end|><|calls|>

Solar Open 2 writes pairs of keys and values.

<|tool_call:start|>get_weather
<|tool_arg:start|>city<|tool_arg:value|>Oslo<|tool_arg:end|>
<|tool_call:end|>
"""

from ..cores.key_value import KeyValue
from ..cores.named_json import NamedJson

SOLAR_OPEN = NamedJson(
    names=("solar_open",),
    source="https://huggingface.co/upstage/Solar-Open-100B/blob/main/chat_template.jinja",
    openers=("<|tool_calls|>", "<|tool_call:begin|>"),
    sections=("<|tool_calls|>",),
    closers=(
        *("<|tool_call:end|>", "<|calls|>", "<|content|>", "<|flush|>"),
        *("<|begin|>assistant", "<|begin|>"),
    ),
    separators=("<|tool_call:name|>", "<|tool_call:args|>"),
    name_after="<|tool_call:name|>",
    id_after="",
    think=("<|think|>", "<|end|>"),
    template_has=("<|tool_call:begin|>", "<|tool_call:args|>"),
)

SOLAR_OPEN2 = KeyValue(
    names=("solar_open2",),
    source="https://github.com/vllm-project/vllm/blob/main/vllm/tool_parsers/solar_open2_tool_parser.py",
    openers=("<|tool_call:start|>",),
    closers=("<|tool_call:end|>",),
    think=("<|think:start|>", "<|think:end|>"),
    key=("<|tool_arg:start|>", "<|tool_arg:value|>"),
    value=("<|tool_arg:value|>", "<|tool_arg:end|>"),
    template_has=("<|tool_call:start|>", "<|tool_arg:start|>"),
)
