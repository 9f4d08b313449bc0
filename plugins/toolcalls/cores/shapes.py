"""How formats write calls, for ``grammar``: one function a way, which formats name as ``shape``.

Arguments come in the order of the schema, which is llguidance's as well.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from infra.errors import Refused
from infra.types import Json

from .arguments import json_types
from .grammar import Schemas, Shape, Special, either, json_of, literal
from .json_tag import JsonTag
from .tagged import Tagged
from .text_value import TextValue

#: names of arguments that can be written before ``=``
PYTHON_KEY = re.compile(r"[\w.\-]+")
#: keywords of a schema that say which arguments may stand together
UNKNOWN = (
    *("minProperties", "maxProperties", "patternProperties", "propertyNames", "dependencies"),
    *("dependentRequired", "dependentSchemas", "if", "not", "unevaluatedProperties"),
)


def tagged_json(form: JsonTag, schemas: Schemas, special: Special) -> Shape:
    """``<tool_call> {"name": ..., "arguments": {...}} </tool_call>``, a tag for each call."""
    closer = literal(form.closers[0], special)
    return Shape(
        _objects(form, schemas),
        before="WS",
        after=f"WS {closer}",
        marker=form.openers[0],
        begins=_any_of(form.openers),
        between="WS",
    )


def bare_json(form: JsonTag, schemas: Schemas, special: Special) -> Shape:
    """``{"name": ..., "parameters": {...}}`` as the whole answer, several with ``;`` between."""
    keys = "|".join(form.name_keys)
    begins = rf"\{{\s*[\"']({keys})[\"']|{_any_of(form.openers)}"
    return Shape(_objects(form, schemas), begins=begins, first="{", join='";" WS')


def named_json(form: JsonTag, schemas: Schemas, special: Special) -> Shape:
    """``[TOOL_CALLS]name[ARGS]{...}``; for a vocabulary without the separator, an older array."""
    marker, separator = form.openers[0], "[ARGS]"
    if separator not in special:
        array = {"before": '"["', "after": '"]"', "join": '"," WS'}
        return Shape(_objects(form, schemas), marker=marker, begins=_any_of(form.openers), **array)
    calls = {
        name: f"{literal(name, {})} {literal(separator, special)} {json_of(either(given))}"
        for name, given in schemas.items()
    }
    return Shape(calls, marker=marker, begins=_any_of(form.openers))


def tagged_text(form: Tagged, schemas: Schemas, special: Special) -> Shape:
    """``<tool_call><function=name><parameter=key>value</parameter></function></tool_call>``."""
    break_ = "\n" if form.trims else ""
    rules: list[str] = []
    calls = {
        name: _any(
            _tagged_call(
                form, name, schema, special, terminal=f"VALUE_{number}_{place}", rules=rules
            )
            for place, schema in enumerate(given)
        )
        for number, (name, given) in enumerate(schemas.items())
    }
    return Shape(
        calls,
        before=literal(break_, special),
        after=literal(form.closers[0], special),
        marker=form.openers[0],
        begins=_any_of(form.openers),
        between="WS",
        rules="\n".join(rules),
    )


def _tagged_call(
    form: Tagged,
    name: str,
    schema: Mapping[str, Any],
    special: Special,
    *,
    terminal: str,
    rules: list[str],
) -> str:
    """The function's tag, its parameters and its end, for arguments of one schema."""
    _check_keywords(name, schema)
    break_ = "\n" if form.trims else ""
    parts = [literal(f"{form.functions[0]}{name}{form.tag_end}{break_}", special)]
    for place, (key, value) in enumerate(schema["properties"].items()):
        head = literal(f"{form.parameters[0]}{key}{form.tag_end}{break_}", special)
        tail = f"{break_}{form.parameter_closers[0]}{break_}"
        text = TextValue(f"{terminal}_{place}", tail, form.parameters[0])
        body = text.grammar(value, schema, rules)
        parts.append(f"{head} {body}" if key in schema["required"] else f"({head} {body})?")
    return " ".join([*parts, literal(form.function_closers[0] + break_, special)])


def python_list(form: JsonTag, schemas: Schemas, special: Special) -> Shape:
    """``[name(key=value, ...), ...]``, behind a marker if the format has one."""
    marker = "" if form.bare_openers else form.openers[0]
    closer = f"({literal(form.closers[0], special)})?" if form.bare_openers and form.closers else ""
    after = closer if form.bare_openers else literal(form.closers[0], special)
    rules: list[str] = []
    calls = {
        name: _any(
            _python_call(f"arguments_{number}_{place}", name, schema, rules)
            for place, schema in enumerate(given)
        )
        for number, (name, given) in enumerate(schemas.items())
    }
    begins = "|".join([r"\[\s*[A-Za-z_][A-Za-z0-9_.]*\(", *map(_escaped, form.openers)])
    return Shape(
        calls, before='"["', after=f'"]" {after}', marker=marker, begins=begins,
        first="" if marker else r"\[", join='"," WS', rules="\n".join(rules),
    )  # fmt: skip


def _objects(form: JsonTag, schemas: Schemas) -> dict[str, str]:
    """Each call as a JSON object that holds its name and its arguments."""
    name_key, key = json.dumps(form.name_keys[0]), json.dumps(form.arguments_keys[0])
    return {
        name: " WS ".join(
            [
                *map(json.dumps, ("{", name_key, ":", json.dumps(name), ",", key, ":")),
                json_of(either(given)),
                '"}"',
            ]
        )
        for name, given in schemas.items()
    }


def _python_call(rule: str, name: str, schema: Mapping[str, Any], rules: list[str]) -> str:
    """``name(key=value, ...)``. Which commas there are depends on which optional ones are given, so
    there is a rule for what may follow each argument."""
    _check_keywords(name, schema)
    required = schema["required"]
    properties = list(schema["properties"].items())
    for place, (key, value) in enumerate(properties):
        if not PYTHON_KEY.fullmatch(key):
            raise Refused(
                f"constraint=tools: pythonic calls cannot name the argument {key!r} of the tool "
                f"{name}; give it another name."
            )
        said = f"{json.dumps(f'{key}=')} {_python_value(value, schema)}"
        others = "" if key in required else f" | {rule}_from_{place + 1}"
        rules.append(f"{rule}_{place}: {said} {rule}_from_{place + 1}")
        rules.append(f'{rule}_from_{place}: "," WS {rule}_{place}{others}')
    rules.append(f'{rule}_from_{len(properties)}: ""')
    starts = [] if required else ['""']
    for place, (key, _) in enumerate(properties):
        starts.append(f"{rule}_{place}")
        if key in required:
            break
    return f'{json.dumps(f"{name}(")} ({" | ".join(starts)}) ")"'


def _python_value(schema: Mapping[str, Json], root: Mapping[str, Json]) -> str:
    constants = {"boolean": '"True" | "False"', "null": '"None"'}
    types = json_types(schema)
    if types and all(each in constants for each in types):
        return f"({' | '.join(constants[each] for each in types)})"
    return json_of(schema, root)


def _check_keywords(name: str, schema: Mapping[str, Any]) -> None:
    """Whether arguments that are not written as one JSON object can be held to the schema.

    Raises:
        Refused: they cannot.
    """
    for keyword in UNKNOWN:
        if keyword in schema:
            raise Refused(
                f"constraint=tools: the arguments of the tool {name} cannot be held to the keyword "
                f"{keyword!r}; leave it out of its schema."
            )


def _any(calls: Iterable[str]) -> str:
    return f"({' | '.join(calls)})"


def _any_of(texts: tuple[str, ...]) -> str:
    return "|".join(map(_escaped, texts))


def _escaped(text: str) -> str:
    return re.escape(text).replace("/", r"\/")
