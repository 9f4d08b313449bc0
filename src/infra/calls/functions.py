"""Python functions as tools: what a model is told of one, and how its arguments are checked."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ArgsKwargs, CoreSchema

from infra.errors import Refused
from infra.plugins import Registry
from infra.types import Json, ToolSchema

#: headings of a docstring's sections
SECTION = re.compile(r"^(Args|Arguments|Returns|Raises|Yields|Examples?|Notes?):\s*$", re.MULTILINE)
#: an argument of the section Args, maybe with its type, and what is said of it
ARGUMENT = re.compile(r"^ {2,}(\w+)(?: \([^)]*\))?: +(.*)$")


class Function:
    """A typed Python function that a model may call."""

    def __init__(self, name: str, function: Callable[..., Json]) -> None:
        """Raises:
        Refused: its signature cannot be told to a model, or its types are unknown to pydantic.
        """
        self.name = name
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(function)  # type: ignore[arg-type]  # takes functions too
            parameters = self._adapter.json_schema(schema_generator=_Untitled)
        except (PydanticUserError, NameError, TypeError) as error:
            raise Refused(f"The tool {name} has no usable signature: {error}") from error
        if parameters.get("type") != "object":
            raise Refused(f"The tool {name} must take all of its arguments by name.")
        about, said = described(inspect.getdoc(function) or "")
        for key, schema in parameters.get("properties", {}).items():
            if key in said:
                schema.setdefault("description", said[key])
        told = {"name": name, "description": about, "parameters": parameters}
        self.schema: ToolSchema = {"type": "function", "function": told}

    def run(self, arguments: Mapping[str, Json]) -> Json:
        """What it returns, as JSON.

        Raises:
            ValueError: the arguments do not fit, or what it returned is no JSON.
            Exception: whatever the function raises.
        """
        try:
            value = self._adapter.validate_python(ArgsKwargs((), dict(arguments)))
        except ValidationError as error:
            found = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ValueError("; ".join(found)) from None
        return json.loads(json.dumps(value, allow_nan=False))


class _Untitled(GenerateJsonSchema):
    """Schemas without titles made of the names, which a model would only have to read twice."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def chosen(names: Iterable[str], registry: Registry) -> list[Function]:
    """The functions that ``tools.run`` names.

    Raises:
        Refused: one is not registered, or cannot be offered.
    """
    return [Function(name, registry.get("infra_tools", name)) for name in names]


def described(docstring: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of the function, up to its sections, and of each argument."""
    about, *sections = SECTION.split(docstring)
    known = dict(zip(sections[::2], sections[1::2], strict=True))
    said: dict[str, str] = {}
    name = ""
    for line in known.get("Args", known.get("Arguments", "")).splitlines():
        if found := ARGUMENT.match(line):
            name, said[found[1]] = found[1], found[2]
        elif name and line.strip():
            said[name] += f" {line.strip()}"
    return about.strip(), said
