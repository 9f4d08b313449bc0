"""Prompt sets: JSON lines in, prompts out, every mistake named by file and line.

A line is ``{"messages": [...]}`` or ``{"prompt": "..."}``, with optional ``id``, ``tools`` (OpenAI
function schemas) and ``expected`` (a list of ``{"name", "arguments"}``; empty: no call is right).
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.errors import Refused
from infra.files import write_atomic
from infra.plan import PromptSet, digest
from infra.plugins import located
from infra.types import Call, Json, Prompt

KEYS = {"id", "messages", "prompt", "tools", "expected"}


def load(
    file: str | None, prompt: str | None = None, tools: str | None = None, limit: int | None = None
) -> tuple[PromptSet, list[Prompt]]:
    """The prompts of a file, or the one question ``prompt`` with the tools of a JSON file.

    Raises:
        Refused: no prompts, no such file, or a line that is not a prompt.
    """
    if limit is not None and limit < 1:
        raise Refused(f"prompts.limit={limit} must be at least 1.")
    if prompt is not None:
        source, found = "prompt", [_question(prompt, _tools(tools) if tools else ())]
    elif file:
        source, found = file, list(_read(located(file), limit))
    else:
        raise Refused("There are no prompts: give prompts.file=FILE.jsonl or prompt='a question'.")
    if not found:
        raise Refused(f"There are no prompts in {source}.")
    rows = [to_row(each) for each in found]
    _check_text(rows, source)
    return PromptSet(source, digest(rows), len(rows)), found


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
        row["expected"] = [{"name": c.name, "arguments": c.arguments} for c in prompt.expected]
    return row


def write(path: Path, prompts: Iterable[Prompt]) -> None:
    """Write the prompts as JSON lines."""
    write_atomic(path, "".join(json.dumps(to_row(p)) + "\n" for p in prompts))


def read(path: Path) -> list[Prompt]:
    """Read back what ``write`` wrote, or any file of the format."""
    return list(_read(path, None))


def _read(path: Path, limit: int | None) -> Iterator[Prompt]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The prompts file {path} cannot be read: {error}.") from error
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
    for number, line in numbered[:limit]:
        try:
            yield from_row(json.loads(line), f"{path.stem}-{number}")
        except (ValueError, RecursionError) as error:
            raise Refused(f"{path}, line {number}: {error}.") from error


def from_row(row: Json, name: str) -> Prompt:
    """A prompt from a line of the format; ``name`` is its id if the line gives none.

    Raises:
        ValueError: what is wrong with the line.
    """
    if not isinstance(row, dict):
        raise ValueError("a prompt is a JSON object")
    if unknown := set(row) - KEYS:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}; a prompt has {sorted(KEYS)}")
    if "prompt" in row and isinstance(row["prompt"], str):
        messages: Json = [{"role": "user", "content": row["prompt"]}]
    else:
        messages = row.get("messages")
    if not _are_messages(messages):
        raise ValueError("'messages' must be a list of objects with 'role' and 'content'")
    tools = _checked_tools(row.get("tools") or [])
    return Prompt(str(row.get("id", name)), tuple(messages), tools, _calls(row.get("expected")))


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


def _calls(value: Json) -> tuple[Call, ...] | None:
    if value is not None and not isinstance(value, list):
        raise ValueError("'expected' must be a list of calls")
    return None if value is None else tuple(_call(each) for each in value)


def _call(value: Json) -> Call:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError("each of 'expected' must be an object with 'name' and 'arguments'")
    arguments = value.get("arguments", {})
    if not isinstance(arguments, dict):
        raise ValueError("the 'arguments' of 'expected' must be an object")
    return Call(value["name"], arguments)


def _question(text: str, tools: tuple[dict[str, Json], ...]) -> Prompt:
    return Prompt("prompt", ({"role": "user", "content": text},), tools)


def _tools(file: str) -> tuple[dict[str, Json], ...]:
    path = located(file)
    try:
        return _checked_tools(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError) as error:
        raise Refused(f"The tools file {path} cannot be used: {error}.") from error
