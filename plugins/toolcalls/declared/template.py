"""A declaration taken in: which fields there are, and what opens and closes each."""

import re

from infra.types import Json

from .field import Field
from .values import CONTENTS

#: names under which templates keep reasoning
REASONING = ("reasoning_content", "reasoning", "thinking")


def fields(template: Json) -> dict[str, Field]:
    """The fields of a declaration.

    Raises:
        ValueError: what is wrong with it.
    """
    if template is None:
        raise ValueError("there is none")
    declared = template.get("fields") if isinstance(template, dict) else None
    if not isinstance(declared, dict) or not declared:
        raise ValueError("it declares no fields")
    if template.get("version", 1) != 1:
        raise ValueError(f"its version is {template['version']!r}, and 1 is known")
    found = {name: _field(name, each) for name, each in declared.items()}
    if len(silent := [name for name, each in found.items() if not each.opens]) > 1:
        raise ValueError(f"more than one field has no opener: {', '.join(silent)}")
    return found


def _field(name: str, declared: Json) -> Field:
    if not isinstance(declared, dict):
        raise ValueError(f"field {name!r} is no object")
    content = declared.get("content", "text")
    if content not in list(CONTENTS):
        raise ValueError(f"field {name!r} has content {content!r}; known: {', '.join(CONTENTS)}")
    arguments = declared.get("content_args") or {}
    if not isinstance(arguments, dict):
        raise ValueError(f"content_args of field {name!r} is no object")
    opens, closes = (_literals(declared.get(key)) for key in ("open", "close"))
    join = declared.get("join") or ""
    if not isinstance(join, str):
        raise ValueError(f"join of field {name!r} is no text")
    return Field(
        name=name,
        opens=_pattern(opens, declared.get("open_pattern")),
        closes=_pattern(closes, declared.get("close_pattern")),
        literals=((opens or [""])[0], (closes or [""])[0]),
        content=content,
        arguments=arguments,
        transform=declared.get("transform"),
        transform_each=declared.get("transform_each") is True,
        join=join,
    )


def _literals(given: Json) -> list[str]:
    literals = given if isinstance(given, list) else [] if given is None else [given]
    if not all(isinstance(literal, str) and literal for literal in literals):
        raise ValueError(f"{given!r} is no marker")
    return literals


def _pattern(literals: list[str], pattern: Json) -> re.Pattern[str] | None:
    if literals:
        ordered = sorted(literals, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, ordered)))
    if pattern is None:
        return None
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
