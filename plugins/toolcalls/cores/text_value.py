"""Grammars of values that stand as text between tags: strings as they are, the rest as JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.errors import Refused
from infra.types import Json

from .arguments import concrete, json_types
from .grammar import json_of

#: the longest text where its schema names no ``maxLength``
LONGEST = 4096
#: keywords of a schema that text cannot be held to
UNKNOWN = ("not", "if")
#: what else is read from text without brackets or digits
CONSTANTS = {"null": ["null"], "boolean": ["true", "false"]}
NOT_JSON = {"string", *CONSTANTS}
#: how JSON of the other types begins, which text beside them must not
JSON_BEGINS = r"\s*[\-0-9\[{](.|\n)*"


@dataclass(frozen=True)
class TextValue:
    """A value and the tag behind it.

    A string that could be read as another type that the schema admits is not written as such: where
    numbers, arrays or objects are admitted too, no text begins as they do.
    """

    terminal: str  #: a name of its own in the grammar
    tail: str  #: the tag behind the value
    opener: str  #: begins the next argument, so no text holds it

    def grammar(
        self, schema: Mapping[str, Json], root: Mapping[str, Json], rules: list[str]
    ) -> str:
        """What may stand there, in Lark; rules that it uses are added to ``rules``.

        Raises:
            Refused: the schema has a keyword that text cannot be held to.
        """
        branches = concrete(schema, root)
        texts = [each for each in branches if "string" in json_types(each)]
        if not texts:
            return f"{json_of(schema, root)} {json.dumps(self.tail)}"
        others = [_without_text(each) for each in branches if set(json_types(each)) - NOT_JSON]
        found = [self._text(n, each, bool(others), rules) for n, each in enumerate(texts)]
        free = [each for each in branches if "enum" not in each and "const" not in each]
        kinds = {kind for each in free for kind in json_types(each)}
        words = [word for kind in CONSTANTS if kind in kinds for word in CONSTANTS[kind]]
        found += [json.dumps(word + self.tail) for word in words]
        found += [f"{json_of(each, root)} {json.dumps(self.tail)}" for each in others]
        return f"({' | '.join(found)})"

    def _text(
        self, number: int, schema: Mapping[str, Any], beside_json: bool, rules: list[str]
    ) -> str:
        chosen = schema.get("enum") or [schema[key] for key in ("const",) if key in schema]
        if chosen:
            words = [each for each in chosen if isinstance(each, str)]
            return " | ".join(json.dumps(each + self.tail, ensure_ascii=False) for each in words)
        for keyword in UNKNOWN:
            if keyword in schema:
                raise Refused(f"constraint=tools: text cannot be held to the keyword {keyword!r}.")
        name = f"{self.terminal}_{number}"
        least, most = schema.get("minLength", 0), schema.get("maxLength", LONGEST)
        opener = _slashed(re.escape(self.opener))
        parts = [rf"/(.|\n){{{least},{most}}}/", rf"~/(.|\n)*{opener}(.|\n)*/"]
        if "pattern" in schema:
            parts.append(f"/{_anywhere(schema['pattern'])}/")
        if beside_json:
            parts.append(f"~/{JSON_BEGINS}/")
        rules.append(f"{name}: {' & '.join(parts)}")
        rules.append(f"{name.lower()}[lazy]: {name} {json.dumps(self.tail)}")
        return name.lower()


def _without_text(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a schema that is neither text nor a constant."""
    kept = {key: value for key, value in schema.items() if value not in ([], {})}
    return kept | {"type": sorted(set(json_types(schema)) - NOT_JSON)}


def _anywhere(pattern: str) -> str:
    """A regular expression that is found in a text, as one of the whole text."""
    inner = pattern.removeprefix("^")
    begins = "" if inner != pattern else r"(.|\n)*"
    if inner.endswith("$") and not inner.endswith(r"\$"):
        return f"{begins}({_slashed(inner[:-1])})"
    return rf"{begins}({_slashed(inner)})(.|\n)*"


def _slashed(pattern: str) -> str:
    return re.sub(r"(?<!\\)/", r"\\/", pattern)
