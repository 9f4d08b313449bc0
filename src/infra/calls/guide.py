"""Makes the matcher of each prompt's answer, from the constraint and the parser's grammar."""

import re
from collections.abc import Sequence
from dataclasses import replace

from llguidance import LLMatcher, LLTokenizer

from infra.calls.grammars import compiled, reason
from infra.calls.matcher import Matcher
from infra.calls.toolbox import function_name
from infra.errors import Refused
from infra.plan import Plan
from infra.protocols import Parser
from infra.types import CallRules, Prompt, ToolSchema

#: where in a grammar of ours a schema stands
PLACE = re.compile(r"at [0-9]+\([0-9]+\): (?:failed to compile JSON schema: )?")


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
        try:
            return Matcher(self._tokenizer, self._checked(prompt, thinking, round))
        except ValueError as error:
            raise Refused(f"Prompt {prompt.id!r} cannot be constrained: {error}.") from None

    def _checked(self, prompt: Prompt, thinking: str, round: int) -> str:
        """
        Raises:
            ValueError: llguidance does not know all that the grammar or a tool's schema asks for.
            Refused: there is no grammar.
        """
        grammar = self._grammar(prompt.tools, thinking, round)
        broken, messages = LLMatcher.validate_grammar_with_warnings(grammar, self._tokenizer)
        if not broken:
            return grammar
        for tool in prompt.tools if len(prompt.tools) > 1 else ():
            self._checked(replace(prompt, tools=(tool,)), thinking, round)
        raise ValueError(_told(reason(messages[0]), prompt.tools))

    def _grammar(self, tools: Sequence[ToolSchema], thinking: str, round: int) -> str:
        if self._constraint.kind != "tools":
            return compiled(self._constraint)
        choice = "auto" if round and self._tools.choice == "required" else self._tools.choice
        rules = CallRules(choice, self._tools.most, thinking, self._special)
        text = self._parser.grammar(tools, rules)
        if text is None:
            raise Refused(
                f"The parser {self._parser.names[0]} has no grammar for constraint=tools."
            )
        return LLMatcher.grammar_from_lark(text)


def _told(reason: str, tools: Sequence[ToolSchema]) -> str:
    """What is wrong and, where one tool is to blame, what to do about it."""
    if len(tools) != 1:
        return reason
    said = PLACE.sub("", reason)
    name = function_name(tools[0])
    return (
        f"no model can be held to the schema of the tool {name} ({said}); "
        "leave out of it what is named here"
    )
