"""infra.prompts.bfcl: the leaderboard's files, in small, and what is said of those that are not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Done
from infra import prompts
from infra.errors import Refused
from infra.prompts import bfcl
from infra.types import Expected

FUNCTION = {
    "name": "geo.area",
    "description": "Area",
    "parameters": {
        "type": "dict",
        "properties": {
            "base": {"type": "float", "description": "m"},
            "box": {"type": "tuple", "items": {"type": "float"}},
            "type": {"type": "any"},
            "more": {"type": "dict", "properties": {"n": {"type": "integer"}}},
            "odd": {"description": "no type"},
        },
        "required": ["base"],
    },
}
ANSWER = [{"geo.area": {"base": [3, 3.0], "type": ["x", ""]}}]


def question(name: str, **others: Any) -> dict[str, Any]:
    asked = [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": name}]]
    return {"id": name, "question": asked, "function": [FUNCTION], **others}


def write(file: Path, *rows: object) -> str:
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return str(file)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Two prompts with their answers beside them, as they are downloaded."""
    rows = [question("simple_python_0"), question("simple_python_1")]
    answers = [{"id": row["id"], "ground_truth": ANSWER} for row in rows]
    write(tmp_path / "possible_answer" / "BFCL_v4_simple_python.json", *answers)
    return Path(write(tmp_path / "BFCL_v4_simple_python.json", *rows))


def test_a_question_becomes_a_prompt(published: Path) -> None:
    found, (first, _) = prompts.load(questions=str(published))
    assert found.count == 2
    assert first.id == "simple_python_0"
    assert [message["role"] for message in first.messages] == ["system", "user"]
    assert first.expected == (Expected("geo.area", {}, {"base": [3, 3.0], "type": ["x", ""]}),)


def test_types_become_those_of_json_schema(published: Path) -> None:
    _, (prompt, _) = prompts.load(questions=str(published))
    function = prompt.tools[0]["function"]
    assert (function["name"], function["description"]) == ("geo.area", "Area")
    assert function["parameters"] == {
        "type": "object",
        "properties": {
            "base": {"type": "number", "description": "m"},
            "box": {"type": "array", "items": {"type": "number"}},
            "type": {"type": "string"},
            "more": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "odd": {"type": "string", "description": "no type"},
        },
        "required": ["base"],
    }


def test_prompts_read_back(published: Path, tmp_path: Path) -> None:
    _, before = prompts.load(questions=str(published))
    prompts.write(tmp_path / "copy.jsonl", before)
    assert prompts.read(tmp_path / "copy.jsonl") == before


def test_several_files_and_a_limit_of_each(published: Path, tmp_path: Path) -> None:
    irrelevance = write(tmp_path / "BFCL_v4_irrelevance.json", question("irrelevance_0"))
    relevance = write(tmp_path / "r.json", question("live_relevance_0-0-0"))
    _, found = prompts.load(questions=[str(published), irrelevance, relevance], limit=1)
    assert [prompt.id for prompt in found] == [
        "simple_python_0", "irrelevance_0", "live_relevance_0-0-0",
    ]  # fmt: skip
    assert [prompt.expected for prompt in found][1:] == [(), "any"]


def test_answers_may_lie_elsewhere(published: Path, tmp_path: Path) -> None:
    beside = tmp_path / "possible_answer" / published.name
    answers = str(beside.rename(tmp_path / "answers.json"))
    with pytest.raises(
        Refused, match=r"python\.json, line 1: .* for 'simple_python_0'; give it as"
    ):
        prompts.load(questions=str(published))
    assert len(prompts.load(questions=str(published), answers=answers)[1]) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([], "is an object with 'id', 'question' and 'function'"),
        ({"id": "simple_0", "ground_truth": ANSWER}, "is an object with 'id', 'question'"),
        (question("simple_java_0"), "category 'simple_java' cannot be asked"),
        (question("javascript_0"), "category 'javascript' cannot be asked"),
        (question("multi_turn_base_0"), "category 'multi_turn_base' cannot be asked"),
        (question("memory_kv_0"), "category 'memory_kv' cannot be asked"),
        (question("nonsense"), "category 'nonsense' cannot be asked"),
        (question("irrelevance_0", question=[[], []]), "a list of one turn"),
        (question("irrelevance_0", question=[[3]]), "'messages' must be a list"),
        (question("irrelevance_0", function={}), "'function' must be a list of objects"),
        (question("irrelevance_0", function=[{}]), "function schemas with function.name"),
        (question("simple_9"), "no file of answers has one for 'simple_9'"),
    ],
)
def test_a_wrong_question_is_named(tmp_path: Path, row: object, said: str) -> None:
    name = "nonsense.json" if "nonsense" in said else "q.json"
    file = write(tmp_path / name, question("irrelevance_0"), row)
    with pytest.raises(Refused, match=r"\.json, line 2: ") as error:
        prompts.load(questions=file)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "row",
    [
        [],
        question("simple_0"),
        {"id": "simple_0", "ground_truth": {}},
        {"id": "simple_0", "ground_truth": ["f()"]},
        {"id": "simple_0", "ground_truth": [{"f": {}, "g": {}}]},
        {"ground_truth": ANSWER},
    ],
)
def test_a_wrong_answer_is_named(tmp_path: Path, row: object) -> None:
    answers = write(tmp_path / "a.json", row)
    questions = write(tmp_path / "q.json", question("simple_0"))
    with pytest.raises(Refused, match=r"a\.json, line 1: an answer of BFCL is an object"):
        prompts.load(questions=questions, answers=answers)


def test_values_of_an_answer_must_be_lists(tmp_path: Path) -> None:
    answer = {"id": "simple_0", "ground_truth": [{"geo.area": {"base": 3}}]}
    answers = write(tmp_path / "a.json", answer)
    questions = write(tmp_path / "q.json", question("simple_0"))
    with pytest.raises(Refused, match=r"q\.json, line 1: 'acceptable' must have a list of values"):
        prompts.load(questions=questions, answers=answers)


def test_categories() -> None:
    assert bfcl.category("live_parallel_multiple_3-1-0") == "live_parallel_multiple"
    assert bfcl.category("simple_python_12") == "simple_python"
    assert bfcl.category("heldout-7") is None


def test_a_run_from_the_command_line(infra: Callable[..., Done], published: Path) -> None:
    done = infra("backend=echo", "tracking=none", "prompts=bfcl", f"prompts.questions={published}")
    assert done.code == 0, done.err
    assert done.record["metrics"]["bfcl_correct"]["value"] == 0
    assert done.record["metrics"]["outcome_no_call"]["n"] == 2
    assert "expected: geo.area(base=3|3.0, type='x'|'')" in done.out
    files = f"prompts.questions=[{published},{published}]"
    assert infra("backend=echo", "tracking=none", "prompts=bfcl", files).record["metrics"][
        "bfcl_simple_python"
    ]["n"] == 4  # fmt: skip


def test_a_run_without_questions_says_what_to_give(infra: Callable[..., Done]) -> None:
    done = infra("backend=echo", "prompts=bfcl")
    assert done.code == 2
    assert "prompts.questions=FILE of BFCL" in done.err
