"""Which format a chat template teaches: excerpts that tell similar formats apart."""
# ruff: noqa: RUF001 - the tokens are written with this bar

import pytest

from infra.calls.parsers import choose
from infra.plugins import registry

#: the parser to choose -> what a chat template for it says
TEMPLATES = {
    "apriel": "Answer with <tool_calls>[...]</tool_calls>, not <tool_call>. [BEGIN FINAL RESPONSE]",
    "cohere_command4": "<|CHATBOT_TOKEN|><|START_ACTION|>[]<|END_ACTION|> Action:",
    "cohere_command_r_plus": "<|CHATBOT_TOKEN|>Write 'Action:' and then a list.",
    "deepseek_v3": "{{ '<｜tool▁calls▁begin｜>' + name + '```json' }}",
    "deepseek_v31": "{{ '<｜tool▁calls▁begin｜>' + name + '<｜tool▁sep｜>' }}",
    "deepseek_v32": "{{ '<｜DSML｜function_calls>' }}",
    "deepseek_v4": "{% set bar = '｜DSML｜' %}{{ '<' + bar + 'tool_calls>' }}",
    "deepseek_v41": "{{ '<｜DSML｜ calls>' }}",
    "ernie45": "<tool_call>{}</tool_call> <response></response>",
    "functionary_v3.1": "<|start_header_id|> Call as in <function=name>{}</function>",
    "functionary_v3.2": "{{ '>>>all\n' + content }}",
    "gemma4": '<|tool_call>call:f{a:<|"|>b<|"|>}<tool_call|>',
    "glm45": "<tool_call>name<arg_key>k</arg_key></tool_call>",
    "granite": "{{ '<|tool_call|>' + calls }}",
    "hermes": "Reply with <tool_call>{...}</tool_call>",
    "hunyuan_a13b": "<|startoftext|><tool_calls>[]</tool_calls>",
    "hy_v3": "<tool_call>name<tool_sep><arg_key>k</arg_key></tool_call>",
    "hy_v3_opensource": "{% set l = ':opensource' %}{{ '<tool_sep{}>'.format(l) }}",
    "jamba": "<|bom|><tool_calls>[]</tool_calls>",
    "llama4_pythonic": "<|header_start|>[func_name1(a=1), func_name2(b=2)]",
    "mimo": "{{ '<tool_call><function=' + f + '><parameter=' + p + '>' + v + '</parameter>' }}",
    "minimax_m2": "<minimax:tool_call>\n<invoke name=",
    "minimax_m3": "]<]minimax[>[<tool_call>",
    "olmo3": "<function_calls>f()</function_calls>",
    "phi4_mini_json": "<|tool|>{{ tools }}<|/tool|><|tool_call|>",
    "pythonic": "[func_name1(a=1), func_name2(b=2)]",
    "qwen3_coder": "<tool_call>\n<function=f>\n<parameter=p>\nv\n</parameter>",
    "seed_oss": "<seed:tool_call>\n<function=f>\n<parameter=p>v</parameter>",
    "solar_open": "<|tool_call:begin|>id<|tool_call:name|>name<|tool_call:args|>{}",
    "solar_open2": "<|tool_call:start|>name\n<|tool_arg:start|>k<|tool_arg:value|>",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_gives_its_parser(name: str) -> None:
    reason = choose(registry(), "auto", TEMPLATES[name])[1]
    assert reason.startswith(f"{name}, from the chat template")
