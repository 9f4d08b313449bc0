"""DeepSeek since V3.2: calls in DSML, which says of each argument whether it is a string.

<｜DSML｜function_calls>
<｜DSML｜invoke name="get_weather">
<｜DSML｜parameter name="city" string="true">Oslo</｜DSML｜parameter>
<｜DSML｜parameter name="days" string="false">3</｜DSML｜parameter>
</｜DSML｜invoke>
</｜DSML｜function_calls>

V4 calls the outer tag ``tool_calls``; V4.1 calls it ``calls`` and writes a space before each name.
"""
# ruff: noqa: RUF001, RUF002 - the tokens are written with this bar

from ..cores.tagged import Tagged


def _dsml(version: str, source: str, outer: str) -> Tagged:
    space = " " if outer.startswith(" ") else ""
    return Tagged(
        names=(f"deepseek_v{version}", f"deepseekv{version}"),
        source=source,
        openers=(f"<｜DSML｜{outer}>", f"<｜DSML｜{space}invoke name="),
        closers=(f"</｜DSML｜{outer}>",),
        noise={"<｜DSML｜": r"[\w.\-]*"},
        fenced_is_text=True,
        functions=(f"<｜DSML｜{space}invoke name=",),
        function_closers=(f"</｜DSML｜{space}invoke>",),
        parameters=(f"<｜DSML｜{space}parameter name=",),
        parameter_closers=(f"</｜DSML｜{space}parameter>",),
        trims=False,
        text_if='string="true"',
        wrappers=("arguments", "input"),
        template_has=("｜DSML｜", f"{outer}>"),
    )


V32 = _dsml(
    "32",
    "https://huggingface.co/deepseek-ai/DeepSeek-V3.2/blob/main/encoding/encoding_dsv32.py",
    "function_calls",
)
V4 = _dsml(
    "4",
    "https://huggingface.co/deepseek-ai/DeepSeek-V4/blob/main/encoding/encoding_dsv4.py",
    "tool_calls",
)
V41 = _dsml(
    "41",
    "https://github.com/vllm-project/vllm/blob/main/vllm/parser/deepseek_v41.py",
    " calls",
)
