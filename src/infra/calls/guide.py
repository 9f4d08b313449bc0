"""Makes the matcher of each prompt's answer, from the constraint and the parser's grammar."""

from llguidance import LLMatcher, LLTokenizer

from infra.calls.grammars import compiled, one_line
from infra.calls.matcher import Matcher
from infra.errors import Refused
from infra.plan import Plan
from infra.protocols import Parser
from infra.types import CallRules, Prompt


class Guide:
    """Makes the matcher of each prompt's answer."""

    def __init__(self, plan: Plan, parser: Parser, tokenizer: LLTokenizer) -> None:
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
            raise Refused(f"Prompt {prompt.id!r} cannot be constrained: {one_line(messages[0])}.")
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
