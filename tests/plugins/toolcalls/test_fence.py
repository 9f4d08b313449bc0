"""plugins/toolcalls/cores/fence.py: a call in a fenced block of Markdown is an example."""

import pytest
from cases import Case, check

from infra.types import Call, Reply

WRITTEN = (
    "<tool_call>\n<function=run>\n<parameter=line>\n{}\n</parameter>\n</function>\n</tool_call>"
)
EXAMPLE, REAL = WRITTEN.format("example"), WRITTEN.format("real")
CALL = Call("run", {"line": "real"})
DSML = (
    '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="run">\n'  # noqa: RUF001
    '<｜DSML｜parameter name="line" string="true">real</｜DSML｜parameter>\n'  # noqa: RUF001
    "</｜DSML｜invoke>\n</｜DSML｜tool_calls>"  # noqa: RUF001
)

EXAMPLES = [
    f"So:\n```xml\n{EXAMPLE}\n```\nThat is all.",
    f"```\n{EXAMPLE}\n```",
    f"~~~xml\n```\n{EXAMPLE}\n~~~ \nend",
    f"So:\n````\n```\n{EXAMPLE}\n````",
    f"So:\n   ```\n{EXAMPLE}\n```",
    f"So:\n```\n{EXAMPLE}\n``` goes on\n{EXAMPLE}\n`````",
    f"So:\n```\n{EXAMPLE}\n{EXAMPLE}\n```\n```\n</tool_call>\n```",
]

#: what stands before a call that counts
NO_FENCES = ["An `inline` one:", "```inline```:", "```a`b\n", "    ```\n", "So:\n```\nit is\n```\n"]


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_content(text: str) -> None:
    check(Case(parser="qwen3_coder", text=text, reply=Reply(text.strip())))


@pytest.mark.parametrize("before", NO_FENCES)
def test_calls_outside_of_fences_count(before: str) -> None:
    reply = Reply(before.strip(), "", (CALL,))
    check(Case(parser="qwen3_coder", text=f"{before}\n{REAL}", reply=reply))


def test_a_call_in_a_block_that_never_ends_counts() -> None:
    reply = Reply("So:\n```xml", "", (CALL,))
    check(Case(parser="qwen3_coder", text=f"So:\n```xml\n{REAL}", reply=reply))


def test_a_fence_inside_an_argument_is_part_of_it() -> None:
    text = WRITTEN.format("```\na\n```")
    reply = Reply(calls=(Call("run", {"line": "```\na\n```"}),))
    check(Case(parser="qwen3_coder", text=text, reply=reply))


def test_dsml_has_examples_too() -> None:
    shown = f"So:\n```xml\n{DSML}\n```"
    check(Case(parser="deepseek_v4", text=f"{shown}\n{DSML}", reply=Reply(shown, "", (CALL,))))


def test_other_formats_count_calls_in_fences() -> None:
    text = '```xml\n<tool_call>\n{"name": "run", "arguments": {"line": "real"}}\n</tool_call>\n```'
    check(Case(parser="hermes", text=text, reply=Reply("```xml\n\n```", "", (CALL,))))
