"""JSON lines read one by one, every mistake named by file and line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from infra.errors import Refused
from infra.files import alike, reason
from infra.types import Json

T = TypeVar("T")


def parsed(path: Path, make: Callable[[Json, int], T], limit: int | None = None) -> Iterator[T]:
    """What ``make`` makes of each line's value and number; empty lines are left out.

    Args:
        limit: only the first so many lines.

    Raises:
        Refused: the file cannot be read, or a line is not JSON or, says ``make`` by a ValueError,
            not what it should be.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        hint = _hint(path) if isinstance(error, FileNotFoundError) else ""
        raise Refused(f"The prompts file {path} cannot be read: {reason(error)}.{hint}") from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in numbered[:limit]:
        try:
            yield make(json.loads(line), number)
        except json.JSONDecodeError as error:
            said = f"no JSON: {error.msg} at character {error.colno}"
            raise Refused(f"{path}, line {number}: {said}.") from error
        except (ValueError, RecursionError) as error:
            raise Refused(f"{path}, line {number}: {error}.") from error


def _hint(path: Path) -> str:
    """What may have been meant by a file that is not there."""
    if "," not in str(path):
        return alike(path)
    files = ",".join(f'"{each}"' for each in str(path).split(","))
    return f" A sweep over several files is written '{files}'."
