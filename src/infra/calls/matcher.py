"""Holds an answer to a grammar, token by token, through llguidance.

An engine draws as if there were no constraint and asks whether the token is admitted; only where it
is not does it draw again from the tokens that are. So a text that the grammar allows comes out
unchanged, and the mask is computed only where it is needed. The kernel, not the engine, moves on in
the grammar: a token that an engine lets through against it fails the run.

Source: https://github.com/guidance-ai/llguidance
"""

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from infra.errors import Failed


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
