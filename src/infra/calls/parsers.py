"""Which parser reads a model's answers, and why."""

import json
from collections.abc import Sequence
from pathlib import Path

from infra import chat
from infra.errors import Refused
from infra.plugins import Registry, registry
from infra.protocols import DeclaredParser, Parser
from infra.types import Json, Prompt, Reply, ToolSchema

DEFAULT = "hermes"
#: for a rendering whose end alone counts
NO_TOKENS = {"bos_token": "", "eos_token": "", "pad_token": "", "unk_token": ""}
#: the parser that reads what a tokenizer declares under this key of tokenizer_config.json
DECLARED = "response_template"


def parse(
    text: str,
    parser: str = DEFAULT,
    tools: Sequence[ToolSchema] | None = None,
    starts_in_reasoning: bool = False,
) -> Reply:
    """A model's text taken apart into content, reasoning, tool calls and problems.

    >>> parse('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>').calls
    (Call(name='f', arguments={'a': 1}, id=None),)

    Args:
        parser: a name that ``infra parsers`` lists.
        tools: their schemas decide the types of arguments that a format writes as text.
        starts_in_reasoning: the prompt opened the reasoning that the text goes on with.

    Raises:
        Refused: there is no such parser.
        TypeError: ``text`` is no str, or ``tools`` no list of dicts.
    """
    given = () if tools is None else tools
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, not {type(text).__name__}")
    if isinstance(given, str) or not all(isinstance(tool, dict) for tool in given):
        raise TypeError("tools must be a list of dicts, each the schema of a function")
    found: Parser = registry().get("infra_parsers", parser)
    return found.parse(text, given, starts_in_reasoning)


def offered(registry: Registry) -> dict[str, Parser]:
    """Each parser once, by the first of the names that it is offered under."""
    first: dict[int, str] = {}
    for name, offer in registry.offers["infra_parsers"].items():
        first.setdefault(id(offer.value), name)
    return {name: registry.get("infra_parsers", name) for name in first.values()}


def choose(
    registry: Registry, asked: str, template: str | None, declared: Json = None
) -> tuple[Parser, str]:
    """The parser asked for; else what the tokenizer declares; else the one whose format the chat
    template speaks.

    Returns:
        The parser and the reason, for the record.

    Raises:
        Refused: there is no such parser.
    """
    if asked not in ("auto", DECLARED):
        return registry.get("infra_parsers", asked), f"{asked}, asked for"
    reader: DeclaredParser = registry.get("infra_parsers", DECLARED)
    found = reader.declared(declared)
    if asked == DECLARED:
        return found, f"{DECLARED}, asked for"
    if declared is not None and found.problem is None:
        return found, f"{DECLARED}, which the tokenizer brings"
    parser, reason = _by_template(registry, template or "")
    return parser, f"{reason}. {found.problem}" if declared is not None else reason


def declaration(weights: str) -> Json:
    """What the tokenizer in this folder says of its answers, ``None`` if it says nothing."""
    try:
        text = (Path(weights) / "tokenizer_config.json").read_text(encoding="utf-8")
        return json.loads(text).get(DECLARED)
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def thinking(template: str | None, prompt: Prompt, parser: Parser) -> str:
    """Whether an answer begins inside reasoning that its rendered prompt opens (``open``), ``may``
    open some itself, as its template knows of it, or ``no``."""
    given = (parser.think[0], *getattr(parser, "think_variants", ()))
    openers = tuple(filter(None, map(str.strip, given)))
    if not openers:
        return "no"
    try:
        rendered = chat.render(template, prompt, NO_TOKENS)
    except Refused:  # whoever encodes the prompt says so
        rendered = ""
    if rendered.rstrip().endswith(openers):
        return "open"
    return "may" if any(opener in (template or "") for opener in openers) else "no"


def _by_template(registry: Registry, template: str) -> tuple[Parser, str]:
    known = offered(registry)
    fitting = [name for name, each in known.items() if template and each.matches(template)]
    if not fitting:
        return registry.get("infra_parsers", DEFAULT), f"{DEFAULT}, as no format fits the template"
    fitting.sort(key=lambda name: -_matched(known[name]))
    name, *others = fitting
    also = f"; ambiguous: {', '.join(others)} would fit too" if others else ""
    return known[name], f"{name}, from the chat template{also}"


def _matched(parser: Parser) -> int:
    """How much of a template a parser that matches it has looked at, where it says so."""
    return sum(map(len, getattr(parser, "template_has", ())))
