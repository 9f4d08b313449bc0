"""What a run's answers were, as far as comparing needs it: times, scores, and to which prompt."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from infra.plan import digest
from infra.record import GENERATIONS
from infra.types import Json


class Answer(NamedTuple):
    """One measured request; times are seconds since its run's start."""

    prompt: str  #: SHA-256 of the prompt as it was asked: messages, tools, expectations
    id: str  #: the prompt's
    tokens: str  #: SHA-256 of the token ids that the model was given
    start: float
    prefill_start: float
    first_text: float | None
    end: float | None
    times: list[float]  #: when each token came
    evaluated: int  #: prompt tokens that were computed
    length: int  #: tokens of the answer
    exact: bool | None
    outcomes: dict[str, str]  #: judge -> its word


#: fields that have the same name in generations.jsonl
SAME = (
    "start", "prefill_start", "first_text", "end", "times", "evaluated", "exact", "outcomes",
)  # fmt: skip


def read(folder: Path) -> list[Answer]:
    """The measured answers of the run in ``folder``, without the warm-up's; none if they are not
    there."""
    try:
        text = (folder / GENERATIONS).read_text()
    except OSError:
        return []
    rows = (json.loads(line) for line in text.split("\n") if line)
    return [_answer(row) for row in rows if row["phase"] == "generate"]


def by_prompt(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """The answers to each prompt: several where it has rounds, or stands in the set twice."""
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.prompt, []).append(answer)
    return found


def to_json(answers: Iterable[Answer]) -> Iterator[dict[str, Json]]:
    """As ``from_json`` reads them."""
    return (answer._asdict() for answer in answers)


def from_json(row: Mapping[str, Json]) -> Answer:
    """An answer from ``to_json``, or from a line of generations.jsonl.

    Raises:
        KeyError, TypeError: it is neither.
    """
    return _answer(row) if "prompt_sha256" in row else Answer(**row)


def _answer(row: Mapping[str, Json]) -> Answer:
    kept = {name: row[name] for name in SAME}
    return Answer(
        prompt=digest(row["prompt"]),
        id=row["prompt"]["id"],
        tokens=row["prompt_sha256"],
        length=len(row["ids"]),
        **kept,
    )
