"""From a region's text to its value, and from the value to calls."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.types import Json

from ..cores.json_text import decode
from .field import Field

Arguments = Mapping[str, Any]

#: a JSON string, or a key without quotes behind what comes before it
LOOSE = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|([{,]\s*)(\w+)(?=\s*:)', re.DOTALL)
PLACEHOLDER = re.compile(r"\{(\w+(?:\.\w+)*)\}")


def calls(
    field: Field, text: str, captures: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Json], str | None]]:
    """Name, arguments and id of each call in a region.

    Raises:
        ValueError: it cannot be read as declared, or it names no function.
    """
    value = _shaped(field, CONTENTS[field.content](text, field.arguments), captures)
    for item in value if isinstance(value, list) else [value]:
        function = item.get("function", item) if isinstance(item, dict) else {}
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ValueError("it names no function")
        given = None if item.get("id") is None else str(item["id"])
        yield function["name"], _object(function.get("arguments")), given


def _object(arguments: Json) -> dict[str, Json]:
    if isinstance(arguments, str):
        arguments = decode(arguments.strip() or "{}")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise ValueError("its arguments are no JSON object")
    return arguments


def _shaped(field: Field, value: Json, captures: Mapping[str, str]) -> Json:
    if field.transform is None:
        return value
    if not field.transform_each:
        return _filled(field.transform, {**captures, "content": value})
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("it is no list of objects")
    return [_filled(field.transform, {**captures, **item}) for item in value]


def _filled(shape: Json, known: Mapping[str, Json]) -> Json:
    """``shape`` with each string that is a ``{placeholder}`` replaced by what is known."""
    if isinstance(shape, dict):
        return {key: _filled(each, known) for key, each in shape.items()}
    if isinstance(shape, list):
        return [_filled(each, known) for each in shape]
    path = PLACEHOLDER.fullmatch(shape) if isinstance(shape, str) else None
    return _at(path[1], known) if path else shape


def _at(path: str, known: Mapping[str, Json]) -> Json:
    value: Json = known
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise ValueError(f"it has no {path}")
        value = value[key]
    return value


def _text(text: str, arguments: Arguments) -> Json:
    return text.strip() if arguments.get("strip", True) else text


def _json(text: str, arguments: Arguments) -> Json:
    loose = bool(arguments.get("unquoted_keys"))
    delimiters = arguments.get("string_delims") or []
    try:
        return decode("".join(_strict(text, delimiters, loose)).strip())
    except ValueError:
        if arguments.get("allow_non_json"):
            return _text(text, arguments)
        raise


def _strict(text: str, delimiters: list[tuple[str, str]], loose: bool) -> Iterator[str]:
    """JSON, in pieces: strings between the template's delimiters and bare keys get quotes."""
    closers = {opener: closer for opener, closer in delimiters if opener}
    opener = re.compile("|".join(map(re.escape, closers)) or "(?!)")
    place = 0
    while found := opener.search(text, place):
        end = text.find(closers[found.group()], found.end())
        if end < 0:
            raise ValueError("a string does not end")
        yield _quoted(text[place : found.start()], loose)
        yield json.dumps(text[found.end() : end])
        place = end + len(closers[found.group()])
    yield _quoted(text[place:], loose)


def _quoted(text: str, loose: bool) -> str:
    if not loose:
        return text
    return LOOSE.sub(lambda m: m[1] or f'{m[2]}"{m[3]}"', text)


def _tags(text: str, arguments: Arguments) -> Json:
    pattern = re.compile(str(arguments.get("tag_pattern")), re.DOTALL)
    if "key" not in pattern.groupindex:
        raise ValueError("the template's tag_pattern has no group for keys")
    pairs = (match.groupdict() for match in pattern.finditer(text))
    return _collected(((pair["key"] or "", pair.get("value") or "") for pair in pairs), arguments)


def _lines(text: str, arguments: Arguments) -> Json:
    between = arguments.get("kv_sep", ":")
    lines = text.split(arguments.get("line_sep", "\n"))
    pairs = (line.split(between, 1) for line in lines if between in line)
    return _collected(((key.strip(), value.strip()) for key, value in pairs), arguments)


def _collected(pairs: Iterator[tuple[str, str]], arguments: Arguments) -> dict[str, Json]:
    """An object; a key that comes again replaces the value, or adds to a list of them."""
    found: dict[str, list[Json]] = {}
    for key, text in pairs:
        found.setdefault(key, []).append(_value(text, arguments.get("value_parser")))
    merge = bool(arguments.get("merge_duplicates"))
    return {k: each if merge and len(each) > 1 else each[-1] for k, each in found.items()}


def _value(text: str, parser: Json) -> Json:
    if not isinstance(parser, dict):
        return text
    return CONTENTS[parser.get("name", "text")](text, parser.get("args") or {})


#: how the text of a region, or of a value in it, is read
CONTENTS: dict[str, Callable[[str, Arguments], Json]] = {
    "text": _text,
    "int": lambda text, arguments: int(text),
    "float": lambda text, arguments: float(text),
    "bool": lambda text, arguments: text.strip().lower() in ("true", "1"),
    "json": _json,
    "xml-inline": _tags,
    "kv-lines": _lines,
}
