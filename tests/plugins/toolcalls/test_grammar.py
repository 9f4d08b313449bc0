"""plugins/toolcalls/cores/grammar.py and shapes.py: what constrained answers may say."""

import json
import random
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import pytest
from llguidance import LLMatcher, LLTokenizer

from infra.calls.guide import Guide
from infra.errors import Refused
from infra.plan import Constraint, Plan, Tools
from infra.plugins import bundled, registry
from infra.types import CallRules, Prompt

FOLDER = bundled("plugins") / "tiny_moe" / "weights"
TOKENIZER = LLTokenizer((FOLDER / "tokenizer.json").read_text(), eos_token=2)
SPECIAL = {
    text: token
    for token in range(TOKENIZER.vocab_size)
    if TOKENIZER.is_special_token(token) and (text := TOKENIZER.decode_str([token]))
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "set_timer": {
        "type": "object",
        "properties": {
            "minutes": {"type": "integer", "minimum": 0, "maximum": 9999},
            "label": {"type": "string", "maxLength": 8},
            "unit": {"type": "string", "enum": ["min", "s"]},
            "loud": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 2},
            "at": {"type": "object", "properties": {"h": {"type": "null"}}, "required": ["h"]},
        },
        "required": ["minutes"],
    },
    "now": {"type": "object", "properties": {}},
    "clock.stop": {
        "type": "object",
        "properties": {"label": {"type": "string", "maxLength": 8}, "loud": {"type": "boolean"}},
    },
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": schema}}
    for name, schema in SCHEMAS.items()
]
PARSERS = {
    each.names[0]: each
    for each in map(registry().get, ["infra_parsers"] * 200, registry().names("infra_parsers"))
    if each.grammar(TOOLS, CallRules()) is not None
}
FAMILIES = {"hermes", "llama3_json", "mistral", "qwen3_coder", "pythonic"}


def matcher(parser: str, tools: list[Any] = TOOLS, **rules: Any) -> LLMatcher:
    grammar = PARSERS[parser].grammar(tools, CallRules(**{"special": SPECIAL, **rules}))
    assert grammar
    broken, messages = LLMatcher.validate_grammar_with_warnings(grammar, TOKENIZER)
    assert (broken, messages) == (False, [])
    return LLMatcher(TOKENIZER, grammar)


def allows(text: str, parser: str, **rules: Any) -> list[bool]:
    """Whether the whole text is allowed, with its special tokens as such, and spelled."""
    found = []
    for ids in (TOKENIZER.tokenize_str(text, parse_special=True), TOKENIZER.greedy_tokenize(text)):
        held = matcher(parser, **rules)
        found.append(held.try_consume_tokens(ids) == len(ids) and held.is_accepting())
    return found


def babble(held: LLMatcher, seed: int) -> str:
    """A random walk through what is allowed, to its end."""
    rng, ids = random.Random(seed), list[int]()
    while len(ids) < 500:
        bits = int.from_bytes(held.compute_bitmask(), "little")
        token = rng.choice([n for n in range(TOKENIZER.vocab_size) if bits >> n & 1])
        if token == TOKENIZER.eos_token:
            return TOKENIZER.decode_bytes(ids).decode()
        ids.append(token)
        assert held.consume_token(token)
    raise AssertionError("no end")


def test_at_least_these_formats_can_be_constrained() -> None:
    assert set(PARSERS) >= FAMILIES


@pytest.mark.parametrize("parser", PARSERS)
def test_random_tokens_make_one_valid_call(parser: str) -> None:
    for seed in range(15):
        text = babble(matcher(parser, choice="required"), seed)
        reply = PARSERS[parser].parse(text, TOOLS)
        (call,) = reply.calls
        assert (reply.content, reply.problems) == ("", ()), text
        jsonschema.validate(call.arguments, {**SCHEMAS[call.name], "additionalProperties": False})


TEXT = {"type": "string", "maxLength": 6}
#: what the schemas of arguments are made of -> one
NASTY: dict[str, dict[str, Any]] = {
    "reference": {"$ref": "#/$defs/text"},
    "reference to an object": {"$ref": "#/$defs/point"},
    "text or nothing": {"anyOf": [TEXT, {"type": "null"}]},
    "several types": {"type": ["string", "null", "boolean"], "maxLength": 4},
    "text or number": {"anyOf": [TEXT, {"type": "integer", "minimum": 0, "maximum": 9}]},
    "text or object": {"anyOf": [TEXT, {"$ref": "#/$defs/point"}]},
    "pattern": {"type": "string", "pattern": "^[0-9]{2}/[a-c]$"},
    "pattern inside": {"type": "string", "pattern": "[0-9]{2}", "maxLength": 5},
    "pattern of classes": {"type": "string", "pattern": r"^\d[\w.-]\w?[-\d]$"},
    "mixed choice": {"enum": [1, "1", True, None, "it's", 'say "hi"', "a\nb", " ü "]},
    "choice of texts": {"type": "string", "enum": ["1", "null", "it's", 'say "hi"', "a\nb", " ü "]},
}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("name", NASTY)
def test_random_tokens_fit_nasty_schemas(parser: str, name: str) -> None:
    point = {"type": "object", "properties": {"x": {"$ref": "#/$defs/text"}}, "required": ["x"]}
    schema = {
        "type": "object",
        "properties": {"a": NASTY[name], "b": {"type": "boolean"}},
        "required": ["a"],
        "$defs": {"point": point, "text": TEXT},
    }
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    for seed in range(8):
        text = babble(matcher(parser, tools, choice="required"), seed)
        (call,) = PARSERS[parser].parse(text, tools).calls
        jsonschema.validate(call.arguments, {**schema, "additionalProperties": False})
        if name == "pattern of classes":
            assert call.arguments["a"][0] in "0123456789"


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


NUMBER, NINE = {"type": "number"}, {"type": "integer", "minimum": 0, "maximum": 9}
#: what the parameters of a tool may be -> some
ODD: dict[str, Any] = {
    "none": None,
    "nothing": {},
    "no type": {"properties": {"a": TEXT}, "required": ["a"]},
    "anything": _object("a", a=True),
    "any": {"type": "object", "properties": {"a": {"type": "any"}}},
    "numbers": _object("a", "b", a=NUMBER, b={"type": "array", "items": NUMBER, "maxItems": 2}),
    "reference": {"$ref": "#/$defs/a", "$defs": {"a": _object("a", a=TEXT)}},
    "all of": {"type": "object", "allOf": [_object("a", a=TEXT), _object("b", b=NINE)]},
    "any of": {"type": "object", "anyOf": [_object("a", a=TEXT), _object("b", b=NINE)]},
    "one of": {
        "oneOf": [_object("k", k={"const": "x"}), _object("k", "n", k={"const": "y"}, n=NINE)],
    },
    "either argument": {
        **_object(a=TEXT, b=TEXT), "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "like a keyword": _object("properties", "type", properties=TEXT, type=NINE),
    "many": _object(**{f"p{n}": {"type": "boolean"} for n in range(40)}),
}  # fmt: skip


@pytest.mark.parametrize("parser", FAMILIES)
@pytest.mark.parametrize("name", ODD)
def test_random_tokens_fit_odd_parameters(parser: str, name: str) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": ODD[name]}}]
    made = 0
    for seed in range(8):
        try:
            text = babble(matcher(parser, tools, choice="required"), seed)
        except AssertionError:  # all JSON has no longest sentence
            assert name in ("anything", "any", "numbers")
            continue
        made += 1
        (call,) = PARSERS[parser].parse(text, tools).calls
        schema = {
            key: v for key, v in (ODD[name] or {}).items() if (key, name) != ("properties", "any")
        }
        jsonschema.validate(call.arguments, schema)
    assert made > 3


@pytest.mark.parametrize("parser", FAMILIES)
def test_numbers_that_no_double_holds_are_not_written(parser: str) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": _object("a", a=NUMBER)}}]
    said = {
        "hermes": '<tool_call>\n{{"name": "f", "arguments": {{"a": {}}}}}\n</tool_call>',
        "llama3_json": '{{"name": "f", "parameters": {{"a": {}}}}}',
        "mistral": '[TOOL_CALLS][{{"name": "f", "arguments": {{"a": {}}}}}]',
        "qwen3_coder": "<tool_call>\n<function=f>\n<parameter=a>\n{}\n</parameter>\n"
        "</function>\n</tool_call>",
        "pythonic": "[f(a={})]",
    }[parser]
    for number, allowed in {"1e999": False, "-0.25": True, "123456789012": True}.items():
        ids = TOKENIZER.greedy_tokenize(said.format(number))
        held = matcher(parser, tools, choice="required")
        assert (held.try_consume_tokens(ids) == len(ids)) is allowed


def guide(parser: str) -> Guide:
    return Guide(cast(Plan, SimpleNamespace(
        constraint=Constraint("tools"), tools=Tools(choice="required")
    )), PARSERS[parser], TOKENIZER)  # fmt: skip


@pytest.mark.parametrize("parser", FAMILIES)
@pytest.mark.parametrize(
    ("schema", "word"),
    [
        (_object(a={"type": "array", "items": NINE, "uniqueItems": True}), "uniqueItems"),
        (_object(a={"oneOf": [NUMBER, {"type": "integer"}]}), "oneOf"),
        ({**_object(a=TEXT), "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({**_object(a=TEXT), "if": {"required": ["a"]}}, "if"),
        (_object("a", a={"enum": []}), "atisfiable"),
        ({"$ref": "https://example.com/a.json"}, "https://example.com/a.json"),
        ({"type": "object", "properties": ["a"]}, "no object's schema"),
        ({"type": "array"}, "no object's schema"),
    ],
)
def test_a_tool_that_nothing_can_be_held_to_is_named(
    parser: str, schema: dict[str, Any], word: str
) -> None:
    bad = {"type": "function", "function": {"name": "bad", "parameters": schema}}
    with pytest.raises(Refused) as error:
        guide(parser).matcher(Prompt("p", (), (*TOOLS, bad)), "no")
    sentence = str(error.value)
    assert "the tool bad" in sentence
    assert word in sentence
    assert len(sentence) < 300


def test_a_required_argument_that_is_not_declared_is_given() -> None:
    schema = {"type": "object", "properties": {}, "required": ["a"]}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    for parser, said in {
        "pythonic": "[f({})]",
        "hermes": '<tool_call>\n{{"name": "f", "arguments": {{{}}}}}\n</tool_call>',
        "qwen3_coder": "<tool_call>\n<function=f>\n{}</function>\n</tool_call>",
    }.items():
        given = {"pythonic": "a=1", "hermes": '"a": 1'}.get(
            parser, "<parameter=a>\n1\n</parameter>\n"
        )
        for argument, allowed in (given, True), ("", False):
            ids = TOKENIZER.greedy_tokenize(said.format(argument))
            held = matcher(parser, tools, choice="required")
            assert (held.try_consume_tokens(ids) == len(ids)) is allowed


def test_what_cannot_be_written_is_refused() -> None:
    def grammar(parser: str, key: str, schema: dict[str, Any]) -> None:
        tool = {"name": "f", "parameters": {"type": "object", "properties": {key: schema}}}
        PARSERS[parser].grammar([{"type": "function", "function": tool}], CallRules())

    with pytest.raises(Refused, match=r"text cannot be held to the keyword 'not'\.$"):
        grammar("qwen3_coder", "a", {"type": "string", "not": {"const": "b"}})
    with pytest.raises(Refused, match=r"cannot name the argument 'a b' of the tool f;"):
        grammar("pythonic", "a b", {"type": "string"})


@pytest.mark.parametrize("parser", PARSERS)
def test_without_calls_nothing_is_read_as_one(parser: str) -> None:
    held = matcher(parser, choice="none")
    rng = random.Random(0)
    ids: list[int] = []
    for _ in range(200):
        bits = int.from_bytes(held.compute_bitmask(), "little")
        allowed = [n for n in range(TOKENIZER.vocab_size) if bits >> n & 1]
        token = rng.choice([n for n in allowed if n != TOKENIZER.eos_token])
        ids.append(token)
        assert held.consume_token(token)
    text = TOKENIZER.decode_bytes(ids).decode(errors="replace")
    assert PARSERS[parser].parse(text, TOOLS).calls == ()


TIMER = {"minutes": 3, "label": "tea"}
HERMES = f"<tool_call>\n{json.dumps({'name': 'set_timer', 'arguments': TIMER})}\n</tool_call>"
#: format -> a call of set_timer as it is written
WRITTEN = {
    "hermes": HERMES,
    "llama3_json": json.dumps({"name": "set_timer", "parameters": TIMER}),
    "mistral": f"[TOOL_CALLS][{json.dumps({'name': 'set_timer', 'arguments': TIMER})}]",
    "qwen3_coder": "<tool_call>\n<function=set_timer>\n<parameter=minutes>\n3\n</parameter>\n"
    "<parameter=label>\ntea\n</parameter>\n</function>\n</tool_call>",
    "pythonic": '[set_timer(minutes=3, label="tea")]',
}


@pytest.mark.parametrize("parser", FAMILIES)
def test_calls_as_models_write_them_are_allowed(parser: str) -> None:
    said = WRITTEN[parser]
    assert all(allows(said, parser))
    assert all(allows(said, parser, choice="required"))
    assert not any(allows(said, parser, choice="none"))
    assert not any(allows(said.replace("set_timer", "set_time"), parser))
    assert not any(allows(said.replace("3", '"three"'), parser))
    assert not any(allows(said.replace("label", "labels"), parser))
    assert all(allows("Plain text, no call.", parser))
    assert not any(allows("Plain text, no call.", parser, choice="required"))


def test_text_and_several_calls_mix() -> None:
    assert all(allows(f"Now: {HERMES}\n{HERMES} done", "hermes"))
    assert not any(allows(f"{HERMES}\n{HERMES}", "hermes", most=1))
    assert all(allows(f"{HERMES}\n{HERMES}", "hermes", most=2, choice="required"))
    assert not any(allows(f"{HERMES}\n{HERMES}", "hermes", choice="required"))


def test_calls_come_after_the_reasoning() -> None:
    thought = "<think>set a timer?</think>\n\n"
    assert all(allows(thought + HERMES, "hermes", choice="required", thinking="may"))
    assert all(allows(HERMES, "hermes", choice="required", thinking="may"))
    assert not any(allows(thought + HERMES, "hermes", choice="required"))
    opened = thought.removeprefix("<think>")
    assert all(allows(opened + HERMES, "hermes", choice="required", thinking="open"))
    assert not any(allows(HERMES, "hermes", choice="required", thinking="open"))
