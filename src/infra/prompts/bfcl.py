"""The files of the Berkeley Function-Calling Leaderboard v4, as published.

A question is ``{"id", "question": [[message, ...]], "function": [...]}``, an answer
``{"id", "ground_truth": [{FUNCTION: {PARAMETER: [values]}}, ...]}``. Its categories of one turn in
Python can be asked here; Java and JavaScript need converters of their own, more turns and memory a
simulated world. Source: https://github.com/ShishirPatil/gorilla
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infra.prompts import jsonl
from infra.types import Json

#: what an id is made of before its number, e.g. ``live_simple_12-3-0``
CATEGORIES = (
    "simple_python", "simple", "multiple", "parallel", "parallel_multiple", "irrelevance",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple",
    "live_irrelevance", "live_relevance",
)  # fmt: skip
#: what is expected where there is no answer to look up
WITHOUT_ANSWER: dict[str, Json] = {
    "irrelevance": [], "live_irrelevance": [], "live_relevance": "any",
}  # fmt: skip
#: names of types that JSON Schema does not know; the leaderboard makes a string of any other, too
TYPES = {
    "dict": "object", "float": "number", "tuple": "array", "list": "array", "bool": "boolean",
    **{name: name for name in ("object", "number", "array", "boolean", "integer", "string")},
}  # fmt: skip
#: keys of a schema that hold another one
INNER = ("items", "additionalProperties")
#: what files are called before their category
FILE = "BFCL_v4_"
#: the folder of answers beside questions, as published
ANSWERS = "possible_answer"


def category(prompt_id: str) -> str | None:
    """The category that a prompt's id tells; ``None`` if it tells none."""
    name = prompt_id.partition(":")[0].rpartition("_")[0]
    return name if name in CATEGORIES else None


def beside(questions: Iterable[Path]) -> list[Path]:
    """The files of answers where they are published: in a folder beside the questions."""
    files = (path.parent / ANSWERS / path.name for path in questions)
    return [path for path in files if path.exists()]


def answers(files: Sequence[Path]) -> dict[str, Json]:
    """What is expected, by the question's id.

    Raises:
        Refused: a file cannot be read, or a line is not an answer.
    """
    return dict(found for path in files for found in jsonl.parsed(path, _answer))


def row(question: Json, file: Path, known: Mapping[str, Json]) -> dict[str, Json]:
    """A question as a line of infra's own format.

    Args:
        known: what is expected, by id.

    Raises:
        ValueError: it is not a question, is of a category that cannot be asked, or has no answer.
    """
    if not isinstance(question, dict) or not {"id", "question", "function"} <= set(question):
        raise ValueError("a question of BFCL is an object with 'id', 'question' and 'function'")
    name, turns, functions = str(question["id"]), question["question"], question["function"]
    kind = _category(name, file)
    if not isinstance(turns, list) or len(turns) != 1:
        raise ValueError("'question' must be a list of one turn, which is a list of messages")
    if not isinstance(functions, list) or not all(isinstance(each, dict) for each in functions):
        raise ValueError("'function' must be a list of objects")
    expected = WITHOUT_ANSWER.get(kind, known.get(name))
    if expected is None:
        raise ValueError(f"no file of answers has one for {name!r}; give it as prompts.answers")
    return {
        "id": name,
        "messages": turns[0],
        "tools": [*map(tool, functions)],
        "expected": expected,
    }


def tool(function: Mapping[str, Json]) -> dict[str, Json]:
    """A function of BFCL as an OpenAI function schema."""
    parameters = _schema({"type": "dict"} | (function.get("parameters") or {}))
    return {"type": "function", "function": {**function, "parameters": parameters}}


def _category(prompt_id: str, file: Path) -> str:
    told = prompt_id.rpartition("_")[0] or file.stem.removeprefix(FILE)
    name = told.partition(":")[0]
    if name not in CATEGORIES:
        raise ValueError(
            f"the category {name!r} cannot be asked: only those of one turn in Python can "
            f"({', '.join(CATEGORIES)})"
        )
    return name


def _answer(value: Json, _: int) -> tuple[str, Json]:
    calls = value.get("ground_truth") if isinstance(value, dict) else None
    if not isinstance(calls, list) or "id" not in value or not all(map(_is_call, calls)):
        raise ValueError(
            "an answer of BFCL is an object with 'id' and 'ground_truth', a list of objects with "
            "the acceptable values of one function's parameters"
        )
    expected = [
        {"name": name, "acceptable": choices} for call in calls for name, choices in call.items()
    ]
    return str(value["id"]), expected


def _is_call(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and all(isinstance(choices, dict) for choices in value.values())
    )


def _schema(schema: Json) -> Json:
    """The schema with JSON Schema's names of types, in all its depth."""
    if not isinstance(schema, dict):
        return schema
    found = {**schema, "type": TYPES.get(str(schema.get("type")), "string")}
    if isinstance(schema.get("properties"), dict):
        found["properties"] = {key: _schema(each) for key, each in schema["properties"].items()}
    return found | {key: _schema(schema[key]) for key in INNER if key in schema}
