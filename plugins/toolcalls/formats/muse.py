"""Muse: messages to the model itself, to the user, and to tools; those hold calls in XML.

 to=self<|message|>Where was it?<|eom|>
<|start|>assistant to=get_weather<|message|><atem:function_calls>
<atem:invoke name="get_weather">
<atem:parameter name="city">Oslo</atem:parameter>
</atem:invoke>
</atem:function_calls><|eom|>
"""

from ..cores.messages import Messages

MUSE = Messages(
    names=("muse_glimmer", "muse", "muse_spark", "musespark1x"),
    source="https://github.com/vllm-project/vllm/blob/main/vllm/parser/muse_glimmer.py",
    openers=("<atem:function_calls>", "<atem:invoke name="),
    closers=("</atem:function_calls>",),
    functions=("<atem:invoke name=",),
    function_closers=("</atem:invoke>",),
    parameters=("<atem:parameter name=",),
    parameter_closers=("</atem:parameter>",),
    trims=False,
    template_has=("<atem:function_calls>",),
)
