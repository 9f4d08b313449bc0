"""Formats that write the calls of an answer as one list of JSON objects.

Hunyuan-A13B  <tool_calls>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]</tool_calls>
Jamba         <tool_calls>[
                  {"name": "get_weather", "arguments": {"city": "Oslo"}}
              ]</tool_calls>
Apriel        reasoning [BEGIN FINAL RESPONSE] <tool_calls>[{"name": ...}]</tool_calls>
MiniMax-M1    <tool_calls>
              {"name": "get_weather", "arguments": {"city": "Oslo"}}
              {"name": "get_time", "arguments": {}}
              </tool_calls>
Nemotron      <TOOLCALL>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]</TOOLCALL>
openPangu     [unused16]reasoning[unused17][unused11][{"name": ...}][unused12]
Phi-4-mini    functools[{"name": "get_weather", "arguments": {"city": "Oslo"}}]
"""

from ..cores.json_tag import JsonTag

FUNCTOOLS = ("functools[", "functools [")

HUNYUAN_A13B = JsonTag(
    names=("hunyuan_a13b",),
    source="https://huggingface.co/tencent/Hunyuan-A13B-Instruct",
    openers=("<tool_calls>",),
    closers=("</tool_calls>", "<answer>", "</answer>"),
    template_has=("<tool_calls>", "<|startoftext|>"),
    template_lacks=("<tool_sep>", "<|bom|>"),
)

JAMBA = JsonTag(
    names=("jamba",),
    source="https://huggingface.co/ai21labs/AI21-Jamba-Mini-1.5",
    openers=("<tool_calls>",),
    closers=("</tool_calls>",),
    template_has=("<tool_calls>", "<|bom|>"),
)

APRIEL = JsonTag(
    names=("apriel",),
    source="https://huggingface.co/ServiceNow-AI/Apriel-1.6-15b-Thinker",
    openers=("<tool_calls>",),
    closers=("</tool_calls>", "[END FINAL RESPONSE]", "<|end|>"),
    think=("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
    template_has=("<tool_calls>", "[BEGIN FINAL RESPONSE]"),
)

MINIMAX_M1 = JsonTag(
    names=("minimax_m1", "minimax"),
    source="https://huggingface.co/MiniMaxAI/MiniMax-M1-40k",
    openers=("<tool_calls>",),
    closers=("</tool_calls>", "<end_of_sentence>"),
    resumes=("\n{",),
    template_has=("<tool_calls>", "<beginning_of_sentence>"),
)

NEMOTRON_NANO_V2 = JsonTag(
    names=("nemotron_nano_v2", "nemotron_json"),
    source="https://huggingface.co/nvidia/NVIDIA-Nemotron-Nano-9B-v2",
    openers=("<TOOLCALL>",),
    closers=("</TOOLCALL>",),
    template_has=("<TOOLCALL>",),
)

PHI4_MINI_JSON = JsonTag(
    names=("phi4_mini_json",),
    source="https://huggingface.co/microsoft/Phi-4-mini-instruct",
    openers=(*FUNCTOOLS, "<|tool_call|>"),
    closers=("<|/tool_call|>",),
    template_has=("<|/tool|>",),
)

FIREFUNCTION_V2 = JsonTag(
    names=("firefunction_v2",),
    source="https://huggingface.co/fireworks-ai/llama-3-firefunction-v2",
    openers=FUNCTOOLS,
    template_has=("functools",),
)

#: also with the names that these tokens have in some tokenizers
PANGU = JsonTag(
    names=("pangu", "openpangu"),
    source="https://huggingface.co/FreedomIntelligence/openPangu-Embedded-7B-V1.1",
    openers=("[unused11]", "<|tool_call_start|>"),
    closers=("[unused12]", "<|tool_call_end|>", "[unused10]", "</answer>"),
    think=("[unused16]", "[unused17]"),
    template_has=("[unused11]",),
)
