"""Grammars that a constraint brings along, read and checked by llguidance."""

from llguidance import LLMatcher, grammar_from

from infra.errors import Refused
from infra.plan import Constraint

#: white space between the parts of a JSON answer; without a bound it would have no longest sentence
JSON_SPACE = r"[ \n]?"


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
        raise Refused(f"constraint.file={file} cannot be used: {one_line(messages[0])}.")


def one_line(message: str) -> str:
    """What llguidance says, without its full stop and the lines of the grammar that it shows."""
    return message.strip().partition("\n")[0].rstrip(". ")
