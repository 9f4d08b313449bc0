"""One rendering of chat templates for all engines, so that equal prompts are equal on each.

Templates are Jinja as transformers defines them (``add_generation_prompt``, ``tools``,
``raise_exception``, ``strftime_now``, ``tojson`` without HTML escapes); the sandbox keeps a
stranger's template from reaching Python. The clock that templates may ask for stands still.
"""

import functools
import hashlib
import json
from datetime import datetime
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from infra.errors import Refused
from infra.types import Prompt

FROZEN = datetime(2025, 1, 1, 12)
#: what is noted of a model without a template
NONE = "the model has no chat template: it reads the contents of messages, joined by newlines"


def render(template: str | None, prompt: Prompt, special: dict[str, str] | None = None) -> str:
    """The text a model reads for ``prompt``, up to where its answer begins.

    Args:
        template: Jinja source; without one the contents are joined by newlines.
        special: ``bos_token`` and the like, as templates name them.

    Raises:
        Refused: the template is broken or does not take this prompt, or there is none and the
            prompt has tools.
    """
    if template is None and prompt.tools:
        raise Refused(
            "The model has no chat template, so it cannot be told of tools: leave out those of "
            f"prompt {prompt.id!r}, or take a model with a template."
        )
    if template is None:
        return "\n".join(str(message.get("content") or "") for message in prompt.messages)
    try:
        return _compiled(template).render(
            messages=[dict(message) for message in prompt.messages],
            tools=list(prompt.tools) or None,
            add_generation_prompt=True,
            **(special or {}),
        )
    except Exception as error:  # a template computes, so it may raise anything
        ours = isinstance(error, jinja2.TemplateError)
        why = str(error) if ours else f"{type(error).__name__}: {error}"
        raise Refused(f"The chat template does not take prompt {prompt.id!r}: {why}") from error


def sha256(template: str | None) -> str | None:
    """The hash that a record shows for a template."""
    return None if template is None else hashlib.sha256(template.encode()).hexdigest()


class Generation(Extension):
    """``{% generation %}``, with which templates mark what the model said; it stands as it is."""

    tags = {"generation"}  # noqa: RUF012  # as jinja2 declares it

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@functools.lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = FROZEN.strftime
    return environment.from_string(template)


def _tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)
