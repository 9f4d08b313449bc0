"""Schemas of arguments as a constraint holds a model to them: without choices at the top, closed to
what they do not declare, and without numbers that no double holds.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.errors import Refused
from infra.types import Json

from .arguments import PYTHON_TYPES, concrete, json_types

#: keywords that hold schemas: by name, in a list, or one
BY_NAME = ("properties", "patternProperties", "$defs", "definitions")
IN_LIST = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
ONE = ("items", "additionalProperties")
#: keywords that say what a value may be; a schema without any admits all JSON
TELLING = ("$ref", "anyOf", "oneOf", "allOf", "enum", "const")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
#: the largest number that llguidance can bound by; bounded ones have no exponent
LARGEST = 10**18
LIMITS: dict[str, Json] = {"minimum": -LARGEST, "maximum": LARGEST}
#: a part of a regular expression, and what some of them stand for
PART = re.compile(r"\\.|\[\^?|.", re.DOTALL)
ASCII = {r"\d": "0-9", r"\w": "A-Za-z0-9_"}
#: where all JSON with such numbers is defined
ANY = "infra-any"
REFERENCE: dict[str, Json] = {"$ref": f"#/$defs/{ANY}"}
ANYTHING: dict[str, Json] = {**LIMITS, "items": REFERENCE, "additionalProperties": REFERENCE}


def alternatives(name: str, parameters: Json) -> list[dict[str, Any]]:
    """The schemas of objects that the arguments of the tool ``name`` may have, one of them if
    there is no choice.

    Raises:
        Refused: no object is admitted, or it is not known which.
    """
    root = parameters if isinstance(parameters, dict) else {}
    if not str(root.get("$ref", "#")).startswith("#"):
        raise Refused(
            f"constraint=tools: the tool {name} refers to {root['$ref']}; put it under $defs."
        )
    branches = [_of_object(branch) for branch in concrete(root, root)]
    found = [each for each in branches if set(json_types(each)) <= {"object"}]
    if not found or not all(isinstance(each["properties"], dict) for each in found):
        raise Refused(
            f"constraint=tools: the parameters of the tool {name} are no object's schema."
        )
    return [_edited(each, _closed) for each in found]


def bounded(schema: Mapping[str, Json]) -> dict[str, Any]:
    """The same without numbers beyond LARGEST; ``ANYTHING`` must be defined where it is used."""
    found: dict[str, Any] = _edited(dict(schema), _bounded)
    return found


def _of_object(branch: Mapping[str, Json]) -> dict[str, Any]:
    kept = {key: value for key, value in branch.items() if (key, value) != ("allOf", [])}
    return {"properties": {}, **kept}


def _edited(schema: Json, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Json:
    """A schema with ``edit`` done to it and to all schemas in it, from the inside out."""
    if not isinstance(schema, dict):
        return schema
    inner: dict[str, Any] = dict(schema)
    for key, value in schema.items():
        if key in BY_NAME and isinstance(value, dict):
            inner[key] = {name: _edited(each, edit) for name, each in value.items()}
        elif key in IN_LIST and isinstance(value, list):
            inner[key] = [_edited(each, edit) for each in value]
        elif key in ONE:
            inner[key] = _edited(value, edit)
    return edit(inner)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Objects that declare properties admit no others but required ones, unless they say so."""
    schema = _with_json_types(schema)
    if isinstance(schema.get("pattern"), str):
        schema = {**schema, "pattern": _in_ascii(schema["pattern"])}
    declared = schema.get("properties")
    if not isinstance(declared, dict):
        return schema
    known = {key: {} if value is True else value for key, value in declared.items()}
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    undeclared: dict[str, Json] = {key: {} for key in names if key not in known}
    closed = {"type": "object", "additionalProperties": False, **schema}
    return {**closed, "properties": known | undeclared, "required": names}


def _with_json_types(schema: dict[str, Any]) -> dict[str, Any]:
    given = schema.get("type")
    if given == "any":
        return {key: value for key, value in schema.items() if key != "type"}
    if isinstance(given, str):
        return {**schema, "type": PYTHON_TYPES.get(given, given)}
    return schema


def _in_ascii(pattern: str) -> str:
    """Digits and words as JSON Schema has them (ECMA-262): without those of other scripts."""
    inside, pieces = False, list[str]()
    parts = PART.findall(pattern)
    for place, part in enumerate(parts):
        plain = ASCII.get(part)
        if plain is None:
            beside = {*parts[max(place - 1, 0) : place], *parts[place + 1 : place + 2]}
            dash = inside and part == "-" and not beside.isdisjoint(ASCII)
            pieces.append("\\-" if dash else part)
            inside = part.startswith("[") or (inside and part != "]")
        else:
            pieces.append(plain if inside else f"[{plain}]")
    return "".join(pieces)


def _bounded(schema: dict[str, Any]) -> dict[str, Any]:
    if any(key in schema for key in TELLING):
        return schema
    types = json_types(schema)
    found = dict(schema)
    if (not types or "number" in types) and not any(key in schema for key in BOUNDS):
        found |= LIMITS
    if not types or "array" in types:
        found.setdefault("items", REFERENCE)
    if (not types or "object" in types) and schema.get("additionalProperties", True) is True:
        found["additionalProperties"] = REFERENCE
    return found
