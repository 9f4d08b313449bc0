"""Grammars of answers with tool calls, in llguidance's Lark.

A core says how its format writes calls (``Shape``); here they become an answer: reasoning where the
model may think, text, and calls behind their marker, as ``CallRules`` allow. A marker counts
whether it is written as one special token or spelled in plain ones, so each literal admits both.

Source: https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.types import CallRules, Json, ToolSchema

from .held import ANY, ANYTHING, alternatives, bounded

#: what a model may put between the parts of a call, at most
SPACE = r"/[ \n]{0,2}/"
#: white space inside JSON, which would otherwise have no longest sentence
JSON_SPACE = r"[ \n]?"
#: where a schema keeps what its parts refer to
DEFINITIONS = ("$defs", "definitions")
NO_SCHEMA: Mapping[str, Json] = {}


@dataclass(frozen=True)
class Shape:
    """How calls are written, in Lark; ``call`` is the rule for any one of ``calls``."""

    calls: Mapping[str, str]  #: the tool's name -> one call of it
    before: str = ""  #: from behind the marker to the call
    after: str = ""  #: from the call to the end of the block
    marker: str = ""  #: begins each block of calls, in plain text
    begins: str = ""  #: a regular expression of what begins calls and is therefore no text
    first: str = ""  #: without a marker: characters that begin calls and therefore no other answer
    join: str | None = None  #: between calls of one block; ``None``: each call has its own
    between: str = ""  #: between two blocks
    rules: str = ""  #: further rules that the parts use


#: a tool's name -> what its arguments may be, each the schema of an object
Schemas = Mapping[str, Sequence[dict[str, Any]]]
Special = Mapping[str, int]  #: the text of a special token -> the token
#: makes the shape of a format's calls
ShapeOf = Callable[[Any, Schemas, Special], Shape]


def answer(shape: Shape, think: tuple[str, str], rules: CallRules) -> str:
    """The grammar of whole answers that ``rules`` allow."""
    text = rf"/(.|\n)*/ & ~/(.|\n)*({shape.begins})(.|\n)*/"
    said = {"none": "TEXT", "required": "blocks", "auto": _mixed(shape, rules)}[rules.choice]
    return "\n".join(
        [
            "%llguidance {}",
            f"start: {_thought(rules)} {said}",
            f"TEXT: {text}",
            rf"PROSE: {text} & /([^{shape.first}](.|\n)*)?/" if shape.first else "",
            f"WS: {SPACE}",
            *_thinking(think, rules),
            *_blocks(shape, rules),
            "call: " + " | ".join(f"call_{n}" for n in range(len(shape.calls))),
            *(f"call_{n}: {call}" for n, call in enumerate(shape.calls.values())),
            shape.rules,
            "",
        ]
    )


def literal(text: str, special: Mapping[str, int]) -> str:
    """``text`` in Lark; each special token in it may also be spelled in plain ones."""
    known = sorted(filter(None, special), key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, known))})", text) if known else [text]
    quoted = {part: json.dumps(part, ensure_ascii=False) for part in parts if part}
    said = (f"(<[{special[p]}]> | {quoted[p]})" if p in special else quoted[p] for p in parts if p)
    return " ".join(said)


def json_of(schema: Mapping[str, Json], root: Mapping[str, Json] = NO_SCHEMA) -> str:
    """JSON that ``schema`` admits, in Lark.

    Args:
        root: the schema that it is a part of, which has the definitions that it may refer to.
    """
    told = bounded({**{key: root[key] for key in DEFINITIONS if key in root}, **schema})
    told["$defs"] = {**told.get("$defs", {}), ANY: ANYTHING}
    return f"%json {json.dumps({**told, 'x-guidance': {'whitespace_pattern': JSON_SPACE}})}"


def either(schemas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One schema of all that any of these admit."""
    if len(schemas) == 1:
        return schemas[0]
    definitions = {key: schemas[0][key] for key in DEFINITIONS if key in schemas[0]}
    return {**definitions, "anyOf": list(schemas)}


def schemas(tools: Iterable[ToolSchema]) -> dict[str, list[dict[str, Any]]]:
    """Each tool's name and what its arguments may be, closed to undeclared ones.

    Raises:
        Refused: the arguments of one are no object.
    """
    functions = [tool.get("function", tool) for tool in tools]
    return {each["name"]: alternatives(each["name"], each.get("parameters")) for each in functions}


def _thought(rules: CallRules) -> str:
    return {"no": "", "may": "(think_open thought GAP)?", "open": "thought GAP"}[rules.thinking]


def _thinking(think: tuple[str, str], rules: CallRules) -> list[str]:
    if rules.thinking == "no":
        return []
    opener, closer = think
    return [
        f"think_open: {literal(opener, rules.special)}",
        r"GAP: /\s{0,3}/",
        *_until("thought", closer, rules.special),
    ]


def _until(name: str, end: str, special: Mapping[str, int]) -> list[str]:
    """A rule for text up to and with ``end``, which is one special token or plain text."""
    lines = [f"{name}_plain[lazy]: TEXT {json.dumps(end, ensure_ascii=False)}"]
    token = f" | TEXT <[{special[end]}]>" if end in special else ""
    return [*lines, f"{name}: {name}_plain{token}"]


def _mixed(shape: Shape, rules: CallRules) -> str:
    if not shape.marker:
        return "(blocks | PROSE)"
    return f"{_times('opened block', rules.most if shape.join is None else 1)} TEXT"


def _times(what: str, most: int | None) -> str:
    """Up to ``most`` of ``what``, or any number."""
    if most == 0:
        return ""
    return f"({what})" + ("*" if most is None else f"{{0,{most}}}")


def _blocks(shape: Shape, rules: CallRules) -> list[str]:
    most = rules.most or (1 if rules.choice == "required" else None)
    others = None if most is None else most - 1
    marker = literal(shape.marker, rules.special)
    calls, again = "call", ""
    if shape.join is None:
        again = _times(f"{shape.between} {marker} block", others)
    else:
        calls = f"call {_times(f'{shape.join} call', others)}"
    found = _until("opened", shape.marker, rules.special) if shape.marker else []
    return [
        f"blocks: {marker} block {again}",
        f"block: {shape.before} {calls} {shape.after}",
        *found,
    ]
