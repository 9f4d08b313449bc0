"""Prompt sets: JSON lines in, prompts out, every mistake named by file and line.

A line is ``{"messages": [...]}`` or ``{"prompt": "..."}``, with optional ``id``, ``tools`` (OpenAI
function schemas), ``expected``, which ``infra.prompts.expectations`` describes, and ``results``,
as in ``infra.prompts.canned``.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from infra.errors import Refused
from infra.files import reason, write_atomic
from infra.plan import PromptSet, digest
from infra.plugins import located
from infra.prompts import bfcl, canned, expectations, jsonl
from infra.types import Json, Prompt

KEYS = {"id", "messages", "prompt", "tools", "expected", "results"}


def load(
    file: str | None = None,
    prompt: str | None = None,
    *,
    tools: str | None = None,
    limit: int | None = None,
    questions: str | Sequence[str] | None = None,
    answers: str | Sequence[str] | None = None,
) -> tuple[PromptSet, list[Prompt]]:
    """The prompts of a file, of BFCL's ``questions`` and ``answers``, or the one question
    ``prompt`` with the tools of a JSON file.

    Args:
        limit: only the first so many of each file.

    Raises:
        Refused: no prompts or an empty one, no such file, or a line that is not a prompt.
    """
    if limit is not None and limit < 1:
        raise Refused(f"prompts.limit={limit} must be at least 1.")
    if prompt is not None and not prompt.strip():
        raise Refused("prompt= is empty: write the question, as in prompt='What is 2 + 3?'")
    if tools and prompt is None:
        raise Refused(
            f"prompts.tools={tools} goes with prompt=QUESTION: a file brings its own tools."
        )
    if answers and not questions:
        raise Refused(f"prompts.answers={answers} goes with prompts.questions=FILE of BFCL.")
    if prompt is not None:
        source, found = "prompt", [_question(prompt, _tools(tools) if tools else ())]
    elif file and questions:
        raise Refused("There are two sets of prompts: give prompts.file or prompts.questions.")
    elif file:
        source, found = file, list(_read(located(file), limit))
    elif questions:
        asked, known = _several(questions), _several(answers)
        source, found = ", ".join(asked), _read_bfcl(asked, known, limit)
    else:
        raise Refused(
            "There are no prompts: give prompts.file=FILE.jsonl, prompts.questions=FILE of BFCL "
            "or prompt='a question'."
        )
    if not found:
        raise Refused(f"There are no prompts in {source}.")
    rows = [to_row(each) for each in found]
    _check_text(rows, source)
    return PromptSet(source, digest(rows), len(rows)), found


def _several(files: str | Sequence[str] | None) -> list[str]:
    return [files] if isinstance(files, str) else [str(each) for each in files or ()]


def _check_text(rows: list[dict[str, Json]], source: str) -> None:
    for row in rows:
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise Refused(
                f"{source}, prompt {row['id']!r} is not Unicode text: {error}."
            ) from error


def to_row(prompt: Prompt) -> dict[str, Json]:
    """The prompt as a line of the format."""
    row: dict[str, Json] = {"id": prompt.id, "messages": list(prompt.messages)}
    if prompt.tools:
        row["tools"] = list(prompt.tools)
    if prompt.expected is not None:
        row["expected"] = expectations.to_json(prompt.expected)
    if prompt.results:
        row["results"] = canned.to_json(prompt.results)
    return row


def write(path: Path, prompts: Iterable[Prompt]) -> None:
    """Write the prompts as JSON lines."""
    write_atomic(path, "".join(json.dumps(to_row(p)) + "\n" for p in prompts))


def read(path: Path) -> list[Prompt]:
    """Read back what ``write`` wrote, or any file of the format."""
    return list(_read(path, None))


def _read(path: Path, limit: int | None) -> Iterator[Prompt]:
    def make(row: Json, number: int) -> Prompt:
        return from_row(row, f"{path.stem}-{number}")

    return jsonl.parsed(path, make, limit)


def _read_bfcl(questions: Sequence[str], answers: Sequence[str], limit: int | None) -> list[Prompt]:
    files = [located(each) for each in questions]
    known = bfcl.answers([located(each) for each in answers] or bfcl.beside(files))

    def read(path: Path) -> Iterator[Prompt]:
        def make(question: Json, number: int) -> Prompt:
            return from_row(bfcl.row(question, path, known), "")

        return jsonl.parsed(path, make, limit)

    return [prompt for path in files for prompt in read(path)]


def from_row(row: Json, name: str) -> Prompt:
    """A prompt from a line of the format; ``name`` is its id if the line gives none.

    Raises:
        ValueError: what is wrong with the line.
    """
    if not isinstance(row, dict):
        raise ValueError("a prompt is a JSON object")
    if unknown := set(row) - KEYS:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}; a prompt has {sorted(KEYS)}")
    if {"prompt", "messages"} <= set(row):
        raise ValueError("'prompt' and 'messages' are two ways to ask: give one of them")
    if "prompt" in row:
        messages: Json = [{"role": "user", "content": _asked(row["prompt"])}]
    else:
        messages = row.get("messages")
    if not _are_messages(messages):
        raise ValueError("'messages' must be a list of objects with 'role' and 'content'")
    tools = _checked_tools(row.get("tools") or [])
    expected = expectations.from_json(row.get("expected"))
    results = canned.from_json(row.get("results"))
    return Prompt(str(row.get("id", name)), tuple(messages), tools, expected, results)


def _asked(text: Json) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"'prompt' must be a question, not {json.dumps(text)}")
    return text


def _are_messages(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_message(each) for each in value)


def _is_message(value: Json) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        return False
    only_calls = value.get("content") is None and "tool_calls" in value
    return isinstance(value.get("content"), str | list) or only_calls


def _checked_tools(value: Json) -> tuple[dict[str, Json], ...]:
    named = isinstance(value, list) and all(
        isinstance(t, dict)
        and isinstance(t.get("function"), dict)
        and isinstance(t["function"].get("name"), str)
        for t in value
    )
    if not named:
        raise ValueError("'tools' must be a list of function schemas with function.name")
    return tuple(value)


def _question(text: str, tools: tuple[dict[str, Json], ...]) -> Prompt:
    return Prompt("prompt", ({"role": "user", "content": text},), tools)


def _tools(file: str) -> tuple[dict[str, Json], ...]:
    path = located(file)
    try:
        return _checked_tools(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The tools file {path} cannot be used: {reason(error)}.") from error
    except ValueError as error:
        raise Refused(f"The tools file {path} cannot be used: {error}.") from error
