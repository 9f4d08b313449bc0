"""Functionary. Version 3.1 tags calls:

<function=get_weather>{"city": "Oslo"}</function>

What follows <|python_tag|> is code to run.

Version 3.2 writes in a line before each part whom it is for; the prompt ends with the first >>>:

all
Let me look.
>>>get_weather
{"city": "Oslo"}
"""

from ..cores.addressed import Addressed
from ..cores.named_json import NamedJson

FUNCTIONARY_V31 = NamedJson(
    names=("functionary_v3.1",),
    source="https://huggingface.co/meetkai/functionary-medium-v3.1",
    openers=("<function=", "<|python_tag|>"),
    closers=("</function>", "<|eom_id|>", "<|eot_id|>"),
    text_calls={"<|python_tag|>": ("python", "code")},
    plain_separators=(">",),
    template_has=("<|start_header_id|>", "<function="),
    template_lacks=("<parameter=",),
)

FUNCTIONARY_V32 = Addressed(
    names=("functionary_v3.2",),
    source="https://huggingface.co/meetkai/functionary-medium-v3.2",
    openers=(">>>",),
    closers=("<|eot_id|>",),
    text_arguments={"python": "code"},
    template_has=(">>>all",),
)
