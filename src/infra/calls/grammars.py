"""Grammars that a constraint brings along, read and checked by llguidance."""

import re

from llguidance import LLMatcher, grammar_from

from infra.errors import Refused
from infra.plan import Constraint

#: white space between the parts of a JSON answer; without a bound it would have no longest sentence
JSON_SPACE = r"[ \n]?"
#: how llguidance begins the lines of a grammar that it shows
SHOWN = re.compile(r"\n *[0-9]+ \|")


def compiled(constraint: Constraint) -> str:
    """The grammar of ``constraint=json`` or ``constraint=grammar`` (Lark or GBNF).

    Raises:
        ValueError: it cannot be read.
    """
    if constraint.kind == "json":
        return LLMatcher.grammar_from_json_schema(
            constraint.text, defaults={"whitespace_pattern": JSON_SPACE}
        )
    return grammar_from("gbnf", constraint.text)  # which leaves Lark as it is


def check(constraint: Constraint, file: str) -> None:
    """Whether the grammar in ``file`` can be used, before anything is loaded.

    Raises:
        Refused: it cannot.
    """
    try:
        broken, messages = LLMatcher.validate_grammar_with_warnings(compiled(constraint))
    except ValueError as error:
        broken, messages = True, [str(error)]
    if broken:
        raise Refused(f"constraint.file={file} cannot be used: {reason(messages[0])}.")


def reason(message: str) -> str:
    """What llguidance says, in one line without its full stop and the grammar that it shows."""
    return " ".join(SHOWN.split(message)[0].split()).rstrip(". ")
