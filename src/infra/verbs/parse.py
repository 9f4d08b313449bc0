"""``infra parse FILE.jsonl``: model texts in, what they say out, one JSON line each.

A line is ``{"parser": NAME, "text": TEXT}`` with optional ``tools`` (function schemas) and
``starts_in_reasoning``; other keys are left alone, empty lines left out. A line that cannot be
used is answered with ``{"error": ...}`` in its place, so that answers stay beside their texts.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from infra.calls.parsers import parse
from infra.errors import InfraError, Refused
from infra.plugins import registry
from infra.types import Json, Reply

USAGE = (
    'parse takes one file of lines like {"parser": "hermes", "text": "..."}, or - for stdin: '
    "python -m infra parse FILE.jsonl."
)
#: what Python says of an integer of more than 4,300 digits
DIGITS = "integer string conversion"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def main(arguments: list[str]) -> int:
    """Write a line to stdout for each line of the file; 1 if any of them could not be used."""
    if len(arguments) != 1 or arguments[0].startswith("--"):
        raise Refused(USAGE)
    registry().names("infra_parsers")  # where there is none to find, that is no line's fault
    bad = 0
    with _opened(arguments[0]) as file:
        for number, line in _lines(file):
            try:
                answer = json.dumps(to_json(_reply(line)))
            except Exception as error:  # a stranger's parser may do anything
                sentence = _sentence(error)
                bad += 1
                answer = json.dumps({"error": sentence})
                print(f"infra: {file.name}, line {number}: {sentence}", file=sys.stderr)
            print(answer, flush=True)
    return 1 if bad else 0


def to_json(reply: Reply) -> dict[str, Json]:
    """A reply as the JSON object of its line."""
    return {
        "content": reply.content,
        "reasoning": reply.reasoning,
        "calls": [{"name": c.name, "arguments": c.arguments, "id": c.id} for c in reply.calls],
        "problems": list(reply.problems),
    }


def _opened(name: str) -> BinaryIO:
    if name == "-":
        if sys.stdin is None:
            raise Refused("There is no stdin to read from.")
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror}.") from error


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(file, 1):
        content = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if content.strip():
            yield number, content


def _reply(line: bytes) -> Reply:
    """
    Raises:
        ValueError: the line is none of the format; Refused: there is no such parser.
    """
    row = json.loads(line.decode())
    if not isinstance(row, dict):
        raise ValueError("A line is a JSON object")
    tools = [] if row.get("tools") is None else row["tools"]
    opened = False if row.get("starts_in_reasoning") is None else row["starts_in_reasoning"]
    for key in ("parser", "text"):
        if not isinstance(row.get(key), str):
            raise ValueError(f"{key!r} must be a string" if key in row else f"{key!r} is missing")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError("'tools' must be a list of objects")
    if not isinstance(opened, bool):
        raise ValueError("'starts_in_reasoning' must be true or false")
    return parse(row["text"], row["parser"], tools, opened)


def _sentence(error: Exception) -> str:
    if isinstance(error, InfraError):
        return str(error)
    if isinstance(error, RecursionError):
        return "It is nested too deeply."
    if isinstance(error, UnicodeDecodeError):
        return f"It is not UTF-8: {error}."
    if isinstance(error, json.JSONDecodeError):
        return f"It is not JSON: {error}."
    if isinstance(error, ValueError):
        return "It has too long an integer." if DIGITS in str(error) else f"{error}."
    return f"The parser failed: {error!r}."
