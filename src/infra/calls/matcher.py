"""Holds an answer to a grammar, token by token, through llguidance.

An engine draws as if there were no constraint and asks whether the token is admitted; only where it
is not does it draw again from the tokens that are. So a text that the grammar allows comes out
unchanged, and the mask is computed only where it is needed. The kernel, not the engine, moves on in
the grammar: a token that an engine lets through against it fails the run.

Source: https://github.com/guidance-ai/llguidance
"""

from typing import TYPE_CHECKING

import numpy as np
from llguidance import LLMatcher, LLTokenizer, grammar_from
from numpy.typing import NDArray

from infra.errors import Failed, Refused
from infra.plan import Constraint, Plan
from infra.types import CallRules, Prompt

if TYPE_CHECKING:
    from infra.protocols import Parser

#: white space between the parts of a JSON answer; without a bound it would have no longest sentence
JSON_SPACE = r"[ \n]?"


class Matcher:
    """One answer and the grammar that it is held to."""

    def __init__(self, tokenizer: LLTokenizer, grammar: str) -> None:
        self._tokenizer, self._matcher = tokenizer, LLMatcher(tokenizer, grammar)

    def admits(self, token: int) -> bool:
        """Whether this token may come next."""
        return self._matcher.validate_tokens([token]) == 1

    def admitted(self, size: int) -> NDArray[np.bool_]:
        """Which tokens may come next, of shape (size,): of as many as the engine has logits."""
        words = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        known = np.unpackbits(words, bitorder="little")[:size].astype(bool)
        return np.pad(known, (0, size - len(known)))

    def accept(self, token: int) -> None:
        """Move on by one token of the answer.

        Raises:
            Failed: it is not admitted, or the grammar became too complex to follow.
        """
        if not self._matcher.consume_token(token):
            piece = self._tokenizer.decode_str([token])
            raise Failed(
                f"The constraint was violated: token {token} ({piece!r}) is not admitted here "
                f"({self._matcher.get_error()})."
            )

    @property
    def is_complete(self) -> bool:
        """Whether the answer may end here."""
        return self._matcher.is_accepting()


class Guide:
    """Makes the matcher of each prompt's answer."""

    def __init__(self, plan: Plan, parser: "Parser", tokenizer: LLTokenizer) -> None:
        self._constraint, self._tools = plan.constraint, plan.tools
        self._parser, self._tokenizer = parser, tokenizer
        self._special = {
            tokenizer.decode_str([token]): token
            for token in range(tokenizer.vocab_size)
            if tokenizer.is_special_token(token)
        }

    def matcher(self, prompt: Prompt, thinking: str, round: int = 0) -> Matcher:
        """A matcher at the beginning of the answer.

        Args:
            thinking: see ``infra.types.CallRules``.
            round: after the first, a call is no longer required, or the rounds would never end.

        Raises:
            Refused: this prompt cannot be answered under the constraint.
        """
        grammar = self._grammar(prompt, thinking, round)
        broken, messages = LLMatcher.validate_grammar_with_warnings(grammar, self._tokenizer)
        if broken:
            raise Refused(f"Prompt {prompt.id!r} cannot be constrained: {_line(messages[0])}.")
        return Matcher(self._tokenizer, grammar)

    def _grammar(self, prompt: Prompt, thinking: str, round: int) -> str:
        if self._constraint.kind != "tools":
            return compiled(self._constraint)
        choice = "auto" if round and self._tools.choice == "required" else self._tools.choice
        rules = CallRules(choice, self._tools.most, thinking, self._special)
        text = self._parser.grammar(prompt.tools, rules)
        if text is None:
            raise Refused(
                f"The parser {self._parser.names[0]} has no grammar for constraint=tools."
            )
        return LLMatcher.grammar_from_lark(text)


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
        raise Refused(f"constraint.file={file} cannot be used: {_line(messages[0])}.")


def _line(message: str) -> str:
    return " ".join(message.split()).rstrip(".")
