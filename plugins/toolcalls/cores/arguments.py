"""Arguments typed by a tool's JSON Schema: what is a string but must not be one is read as JSON,
and a number, true or false that must be a string becomes one.

Understood are type, enum, const, properties, additionalProperties, items, prefixItems, required,
local $ref, anyOf, oneOf and allOf (https://json-schema.org/draft/2020-12), OpenAPI's nullable, and
the Python type names that some data sets use. A value that fits nothing stays as it is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from infra.calls.scoring import equal
from infra.types import Json, ToolSchema

from .json_text import decode, encode, shortened
from .python_dict import as_json

Schema = Mapping[str, Json]

#: an integer as people write it and JSON does not
PADDED = re.compile(r"\+?[0-9]+|-0[0-9]+")
#: expansions of references and choices at one place; a schema that refers to itself must end
MOST_EXPANSIONS = 100

TYPES = ("string", "integer", "number", "boolean", "null", "object", "array")
PYTHON_TYPES = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean",
    "dict": "object", "list": "array", "tuple": "array",
}  # fmt: skip
CONSTANTS: dict[str, dict[str, Json]] = {
    "boolean": {
        **{"true": True, "1": True, "yes": True, "on": True},
        **{"false": False, "0": False, "no": False, "off": False},
    },
    "null": {"null": None, "none": None},
}


class Raw(str):
    """A value that a format writes as it is, strings without quotes: the JSON that it may be
    counts if the schema admits it, or says nothing; else the text does."""

    __slots__ = ()


class Unbounded(str):
    """A number that no double holds; the text that it is written as counts if the schema says so,
    as it does of a commit's hash."""

    __slots__ = ()


def parameters(tools: Iterable[ToolSchema]) -> dict[str, Schema]:
    """The schema of each tool's parameters, by the tool's name."""
    functions = [_mapping(tool.get("function", tool)) for tool in tools]
    return {str(each.get("name")): _mapping(each.get("parameters")) for each in functions}


def typed(value: Json, schema: Json, root: Schema) -> Json:
    """``value`` as ``schema`` wants it, in all its depth.

    Args:
        root: where the schema's references begin.

    Raises:
        ValueError: it is a number that no double holds.
    """
    if isinstance(value, Unbounded):
        return _as_text(value, concrete(schema, root))
    if not schema:
        return _sound(str(value)) if isinstance(value, Raw) else _inside(value, {}, root)
    branches = concrete(schema, root)
    if isinstance(value, Raw):
        return _from_raw(str(value), branches, root)
    fitting = [branch for branch in branches if _fits(value, branch)]
    if fitting:
        return _inside(value, _best(value, fitting, root), root)
    if isinstance(value, str):
        return _from_text(value, branches, root)
    text = encode(value) if isinstance(value, int | float) else value
    return text if any(_fits(text, branch) for branch in branches) else value


def described(key: str, schema: Schema) -> bool:
    """Whether a schema of objects says what the value of ``key`` may be."""
    for branch in concrete(schema, schema):
        value = _mapping(branch.get("properties")).get(key, branch.get("additionalProperties"))
        if any(_says_something(each) for each in concrete(value, schema)):
            return True
    return False


def concrete(schema: Json, root: Schema) -> list[Schema]:
    """The schemas without references and choices that ``schema`` amounts to."""
    found: list[Schema] = []
    waiting: list[Schema] = [_mapping(schema)]
    left = MOST_EXPANSIONS
    while waiting:
        current = waiting.pop(0)
        expanded = _expanded(current, root)
        if expanded is None:
            found.append(current)
        elif left:
            waiting, left = [*expanded, *waiting], left - 1
    return found


def _expanded(schema: Schema, root: Schema) -> list[Schema] | None:
    """One step towards concrete schemas, ``None`` if there is none to take."""
    for key in ("anyOf", "oneOf"):
        if choices := _list(schema.get(key)):
            rest = _without(schema, key)
            return [_merged(rest, _mapping(choice)) for choice in choices]
    if "$ref" in schema:
        return [_merged(_without(schema, "$ref"), _resolved(schema["$ref"], root))]
    if parts := _list(schema.get("allOf")):
        return [_merged({**schema, "allOf": parts[1:]}, _mapping(parts[0]))]
    if schema.get("nullable") is True:
        return [_without(schema, "nullable"), {"type": "null"}]
    return None


def _merged(one: Schema, other: Schema) -> Schema:
    properties = _mapping(one.get("properties")) | _mapping(other.get("properties"))
    parts = [*_list(one.get("allOf")), *_list(other.get("allOf"))]
    merged = {**one, **other, "properties": properties, "allOf": parts}
    if required := [*_list(one.get("required")), *_list(other.get("required"))]:
        merged["required"] = list(dict.fromkeys(map(str, required)))
    return merged


def _resolved(reference: Json, root: Schema) -> Schema:
    """What a local reference (RFC 6901 after ``#``) points to; nothing known of others."""
    target: Json = root
    for step in unquote(str(reference)).removeprefix("#").split("/")[1:]:
        target = _mapping(target).get(step.replace("~1", "/").replace("~0", "~"))
    return _mapping(target) if str(reference).startswith("#") else {}


def _fits(value: Json, branch: Schema) -> bool:
    types = json_types(branch)
    if types and not any(_is(value, name) for name in types):
        return False
    if isinstance(branch.get("enum"), list):
        return any(equal(value, allowed) for allowed in branch["enum"])
    return "const" not in branch or equal(value, branch["const"])


def _best(value: Json, branches: Sequence[Schema], root: Schema) -> Schema:
    """The first branch whose required properties are all there and whose constants are right, or
    else the first whose properties are there, or else the first."""
    given = _mapping(value)
    complete = [b for b in branches if given.keys() >= set(map(str, _list(b.get("required"))))]
    right = (b for b in complete if _constants_fit(given, b, root))
    return next(right, next(iter(complete), branches[0]))


def _constants_fit(given: Mapping[str, Json], branch: Schema, root: Schema) -> bool:
    known = _mapping(branch.get("properties"))
    for key in given.keys() & known.keys():
        choices = concrete(known[key], root)
        constant = all("const" in each or "enum" in each for each in choices)
        if constant and not any(_fits(typed(given[key], each, root), each) for each in choices):
            return False
    return True


def json_types(branch: Schema) -> list[str]:
    """JSON type names that a branch admits; none stands for any."""
    given = branch.get("type")
    if given is None:
        implied = {"properties": "object", "items": "array"}
        return [name for key, name in implied.items() if branch.get(key)]
    names = [PYTHON_TYPES.get(str(name), str(name)) for name in _list(given) or [given]]
    return names if set(names) <= set(TYPES) else []


def _is(value: Json, name: str) -> bool:
    if isinstance(value, bool) or value is None:
        return name == ("null" if value is None else "boolean")
    if isinstance(value, float):
        return name == "number" or (name == "integer" and value.is_integer())
    if isinstance(value, int):
        return name in ("number", "integer")
    if isinstance(value, str):
        return name == "string"
    return name == ("object" if isinstance(value, dict) else "array")


def _inside(value: Json, branch: Schema, root: Schema) -> Json:
    if isinstance(value, dict):
        known, others = _mapping(branch.get("properties")), branch.get("additionalProperties")
        return {key: typed(item, known.get(key, others), root) for key, item in value.items()}
    if isinstance(value, list):
        first = _list(branch.get("prefixItems"))
        schemas = [*first, *[branch.get("items")] * (len(value) - len(first))]
        return [typed(item, schema, root) for item, schema in zip(value, schemas, strict=False)]
    if isinstance(value, float):
        types = json_types(branch)
        return int(value) if "integer" in types and "number" not in types else value
    return value


def _from_raw(text: str, branches: Sequence[Schema], root: Schema) -> Json:
    if not any(_says_something(branch) for branch in branches):
        return _sound(text)
    is_text = any(_fits(text, branch) for branch in branches)
    with suppress(ValueError):
        value = decode(text) if is_text else text
        for branch in branches:
            if not isinstance(value, str) and _fits(value, branch):
                return _inside(value, branch, root)
    return text if is_text else _from_text(text, branches, root)


def _as_text(number: Unbounded, branches: Sequence[Schema]) -> str:
    if any(_says_something(each) and _fits(str(number), each) for each in branches):
        return str(number)
    raise ValueError(f"{shortened(number)} is beyond any double")


def _sound(text: str) -> Json:
    """The JSON that a text is, if it can be written again, or else the text."""
    try:
        value = decode(text)
        if isinstance(value, dict | list):
            encode(value)
    except ValueError:
        return text
    return value


def _says_something(branch: Schema) -> bool:
    return bool(json_types(branch)) or "enum" in branch or "const" in branch


def _from_text(text: str, branches: Sequence[Schema], root: Schema) -> Json:
    for branch in branches:
        for value in _readings(text, branch):
            if _fits(value, branch):
                return _inside(value, branch, root)
    return text


def _readings(text: str, branch: Schema) -> Iterator[Json]:
    word = text.strip().lower()
    if PADDED.fullmatch(word):
        with suppress(ValueError):
            yield int(word)
    yield from readings(text)
    for constants in (CONSTANTS.get(name, {}) for name in json_types(branch)):
        if word in constants:
            yield constants[word]


def readings(text: str) -> Iterator[Json]:
    """What a text may say: as it is, inside a JSON string, with escapes as if it were inside one,
    and each of these as Python writes it."""
    spellings = [text]
    for spelling in spellings:  # which grows: each is shorter than the one that it comes from
        for quoted in (spelling, f'"{spelling}"'):
            with suppress(ValueError):
                value = decode(quoted)
                shorter = isinstance(value, str) and len(value) < len(spelling)
                spellings += [value] if shorter else []
    for spelling in spellings:
        for each in (spelling, as_json(spelling)):
            with suppress(ValueError):
                yield decode(each)


def _without(schema: Schema, key: str) -> Schema:
    return {k: v for k, v in schema.items() if k != key}


def _mapping(value: Json) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
