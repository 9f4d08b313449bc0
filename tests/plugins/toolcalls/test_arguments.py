"""plugins/toolcalls/cores/arguments.py: values typed by the tool's schema."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.plugins import registry
from infra.types import Call, Json, ToolSchema

HERMES = registry().get("infra_parsers", "hermes")


def calling(name: str, **arguments: Json) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


POINT = {"type": "object", "properties": {"x": {"type": "integer"}, "on": {"type": "boolean"}}}


def tool(schema: Json, **others: Json) -> ToolSchema:
    parameters = {"type": "object", "properties": {"v": schema}, **others}
    return {"type": "function", "function": {"name": "f", "parameters": parameters}}


@pytest.mark.parametrize(
    ("given", "schema", "expected"),
    [
        ("5", {"type": "string"}, "5"),
        ("5", {}, "5"),
        ("5", True, "5"),
        ("5", {"type": "integer"}, 5),
        ("9007199254740993", {"type": "integer"}, 9007199254740993),
        ("9223372036854775807", {"type": "number"}, 2**63 - 1),
        (9223372036854775807, {"type": "integer"}, 2**63 - 1),
        (3.0, {"type": "integer"}, 3),
        (3.5, {"type": "integer"}, 3.5),
        (3, {"type": "number"}, 3),
        ("1e2", {"type": "number"}, 100.0),
        ("five", {"type": "integer"}, "five"),
        ('"12"', {"type": "integer"}, 12),
        ('\\"12\\"', {"type": "integer"}, 12),
        ("yes", {"type": "boolean"}, True),
        ("Off", {"type": "boolean"}, False),
        ("no", {"type": ["boolean", "string"]}, "no"),
        ('"2"', {"enum": [1, 2]}, 2),
        ("{'path': '\\d+\\.py'}", {"type": "object"}, {"path": "\\d+\\.py"}),
        ("5.5", {"type": "integer"}, "5.5"),
        ("9" * 5000, {"type": "integer"}, "9" * 5000),
        (5, {"type": "string"}, "5"),
        (5, {"enum": ["5", "6"]}, "5"),
        (7, {"enum": ["5", "6"]}, 7),
        (True, {"type": "string"}, "true"),
        (None, {"type": "string"}, None),
        ([1, "b"], {"type": "string"}, [1, "b"]),
        (5, {"type": ["string", "null"]}, "5"),
        (5, {"type": "boolean"}, 5),
        ("true", {"type": "boolean"}, True),
        ("False", {"type": "boolean"}, False),
        ("1", {"type": "boolean"}, True),
        ("maybe", {"type": "boolean"}, "maybe"),
        ({"x": 1}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"x": 1}),
        ([1], {"type": ["string", "null"]}, [1]),
        ("null", {"type": "null"}, None),
        ("null", {"type": "string"}, "null"),
        ("None", {"type": ["integer", "null"]}, None),
        ("7", {"type": ["integer", "null"]}, 7),
        ("7", {"type": ["string", "null"]}, "7"),
        ("null", {"type": "integer", "nullable": True}, None),
        ("7", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, 7),
        ("7", {"oneOf": [{"type": "boolean"}, {"type": "integer"}]}, 7),
        ("7", {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "7"),
        ("2", {"enum": [1, 2, 3]}, 2),
        ("2", {"enum": ["1", "2"]}, "2"),
        ("2", {"const": 2}, 2),
        ("9", {"enum": [1, 2, 3]}, "9"),
        ("[1, 2]", {"type": "array"}, [1, 2]),
        ("[1, 2]", {"type": "object"}, "[1, 2]"),
        (["1", "x"], {"type": "array", "items": {"type": "integer"}}, [1, "x"]),
        (["1", "2"], {"prefixItems": [{"type": "integer"}]}, [1, "2"]),
        ('{"x": "1", "y": "2"}', POINT, {"x": 1, "y": "2"}),
        ({"x": "1"}, {"additionalProperties": {"type": "integer"}}, {"x": 1}),
        ({"x": "1"}, {"$ref": "#/$defs/P"}, {"x": 1}),
        ({"x": "1"}, {"anyOf": [{"$ref": "#/$defs/P"}, {"type": "null"}]}, {"x": 1}),
        ({"x": "1"}, {"allOf": [{"$ref": "#/$defs/P"}], "description": "where"}, {"x": 1}),
        ({"x": "1"}, {"allOf": [{"properties": {"y": {}}}, POINT]}, {"x": 1}),
        ({"b": "1"}, {"anyOf": [{**POINT, "required": ["x"]}, {"$ref": "#/$defs/B"}]}, {"b": 1}),
        ({"left": {"n": "1"}}, {"$ref": "#/$defs/Tree"}, {"left": {"n": 1}}),
        ("5", {"$ref": "#/$defs/Loop"}, "5"),
        ("5", {"$ref": "#/$defs/Nowhere"}, "5"),
        ("5", {"$ref": "https://example.com/schema"}, "5"),
        ("5", {"type": "int"}, 5),
        ('{"x": 1}', {"type": "dict"}, {"x": 1}),
        ("5", {"type": "date"}, "5"),
    ],
)
def test_values_have_the_type_of_the_schema(given: Json, schema: Json, expected: Json) -> None:
    definitions: dict[str, Json] = {
        "P": POINT,
        "B": {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
        "Tree": {"properties": {"n": {"type": "integer"}, "left": {"$ref": "#/$defs/Tree"}}},
        "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}, {"$ref": "#/$defs/Loop"}]},
    }
    reply = HERMES.parse(calling("f", v=given), [tool(schema, **{"$defs": definitions})])
    assert reply.problems == ()
    assert repr(reply.calls[0].arguments["v"]) == repr(expected)


def test_a_tool_that_nobody_knows_is_still_a_call() -> None:
    reply = HERMES.parse(calling("g", v="5"), [tool({"type": "integer"})])
    assert reply.calls == (Call("g", {"v": "5"}),)


@pytest.mark.parametrize("name", [None, 5, "f"])
def test_a_malformed_tool_is_no_obstacle(name: Json) -> None:
    schemas: list[ToolSchema] = [
        {"name": name, "parameters": "none"},
        {"function": {"name": name, "parameters": {"properties": [], "required": 3, "type": {}}}},
        {"function": None},
    ]
    assert HERMES.parse(calling("f", v="5"), schemas).calls == (Call("f", {"v": "5"}),)


SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["integer", "#", "#/x", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "anyOf", "allOf", "$ref", "properties", "v", "items", "enum"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(SCHEMAS, SCHEMAS)
@settings(deadline=None)
def test_any_schema_gives_a_reply(schema: Json, value: Json) -> None:
    assert len(HERMES.parse(calling("f", v=value), [tool(schema)]).calls) == 1
