"""Chat templates: the same text as transformers renders, and sentences for broken ones."""

import json
from dataclasses import replace

import pytest

from conftest import TINY
from infra import chat, prompts
from infra.errors import Refused
from infra.types import Prompt

USER = Prompt("p", ({"role": "user", "content": "ü <b>"},), ({"function": {"name": "f"}},))


def test_the_rendering_is_that_of_transformers() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(TINY / "weights"))
    rows = (TINY / "prompts.jsonl").read_text().splitlines()[:5]
    for prompt in (prompts.from_row(json.loads(row), "x") for row in rows):
        theirs = tokenizer.apply_chat_template(
            list(prompt.messages), tools=list(prompt.tools), add_generation_prompt=True,
            tokenize=False,
        )  # fmt: skip
        assert chat.render(tokenizer.chat_template, prompt) == theirs


def test_json_is_not_escaped_for_html() -> None:
    assert chat.render("{{ messages[0] | tojson }}", USER) == '{"role": "user", "content": "ü <b>"}'


def test_the_clock_stands_still() -> None:
    assert chat.render("{{ strftime_now('%Y-%m-%d') }}", USER) == "2025-01-01"


def test_special_tokens_reach_the_template() -> None:
    assert chat.render("{{ bos_token }}x", USER, {"bos_token": "<s>"}) == "<s>x"


def test_without_a_template_the_contents_are_the_text() -> None:
    assert chat.render(None, replace(USER, tools=())) == "ü <b>"


def test_without_a_template_there_is_no_way_to_tell_of_tools() -> None:
    with pytest.raises(Refused, match=r"no chat template, so it cannot be told of tools.*'p'"):
        chat.render(None, USER)


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('no system role') }}", "{% if %}", "{{ messages.x.y }}"]
)
def test_a_broken_template_is_refused(template: str) -> None:
    with pytest.raises(Refused, match="prompt 'p'"):
        chat.render(template, USER)


def test_a_template_cannot_reach_python() -> None:
    with pytest.raises(Refused):
        chat.render("{{ ''.__class__.__mro__[1].__subclasses__() }}", USER)


def test_what_templates_mark_as_generated_is_rendered() -> None:
    marked = (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}!{% endfor %}"
    )
    assert chat.render(marked, Prompt("p", ({"role": "user", "content": "hi"},))) == "hi!"
