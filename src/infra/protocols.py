"""What a backend, an engine and a parser must be able to do; ``infra.testing`` checks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from infra.calls.events import Event
from infra.plan import Plan
from infra.types import (
    Call,
    CallRules,
    Estimate,
    Facts,
    Json,
    Prompt,
    Reply,
    Routing,
    Sampling,
    Token,
    ToolSchema,
)

if TYPE_CHECKING:  # verbs do without numpy
    import numpy as np
    from llguidance import LLTokenizer
    from numpy.typing import NDArray

    from infra.calls.matcher import Matcher


class Engine(Protocol):
    """A loaded model. One thread uses it; nothing is shared with other engines."""

    facts: Facts
    eos: frozenset[int]  #: ids that end an answer
    template: str | None  #: the chat template's source

    def encode(self, prompt: Prompt) -> list[int]:
        """Render ``prompt`` with ``infra.chat.render`` and tokenize it with the engine's own
        vocabulary, special tokens recognized and none added."""

    def generate(
        self, ids: Sequence[int], sampling: Sampling, matcher: Matcher | None = None
    ) -> Iterator[Token]:
        """Evaluate ``ids`` from an empty KV cache, then yield tokens without end, the id in
        ``eos`` included. The kernel stops. Special tokens keep their text. ``sampling.seed``
        alone decides the draws.

        Args:
            matcher: a drawn token that it does not admit is drawn again from those that it does.
                The kernel moves it on by each token before it asks for the next.
        """

    def grammar_tokenizer(self) -> LLTokenizer:
        """The engine's vocabulary for llguidance, its special tokens and ``eos`` known as such.

        Raises:
            Refused: the engine cannot be constrained.
        """

    def distribution(
        self, logits: NDArray[np.float32], history: Sequence[int], sampling: Sampling
    ) -> NDArray[np.float32]:
        """Probabilities, float32 of shape (vocabulary,), that ``generate`` would draw from,
        through the same code."""

    def logprobs(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Natural log-probability of ids[1:] given what comes before each, float32 of shape
        (len(ids) - 1,), computed from float32 logits in chunks."""

    def device_memory(self) -> int | None:
        """Bytes in use on the accelerator, ``None`` where there is none."""

    def close(self) -> None:
        """Free the model."""


class Backend(Protocol):
    """Makes engines. Importing its module must not import the engine's library."""

    distributions: tuple[str, ...]  #: whose versions go into a run's identity; the first is shown
    extra: str  #: ``pip install 'infra[extra]'``
    formats: tuple[str, ...]  #: of weights that it reads: ``safetensors``, ``gguf``
    quantizations: frozenset[str]  #: schemes of the group ``quantization`` that it can do

    def prepare(self, plan: Plan) -> None:
        """Import the library and check the hardware. Timed as stage ``import``.

        Raises:
            Refused: the machine or the installed version cannot do what the plan asks.
        """

    def convert(self, plan: Plan) -> None:
        """Make what is made once and kept, such as a quantized file; most have nothing to make.
        Timed as stage ``convert``.

        Raises:
            Refused: it cannot be made from these weights, or there is no space for it.
        """

    def load(self, plan: Plan) -> Engine:
        """Load the model that ``plan`` describes. Timed as stage ``load``."""


@runtime_checkable
class Router(Protocol):
    """An engine that can tell where tokens were routed to, if ``experts.telemetry`` asks for it."""

    def routing(self) -> Sequence[Routing]:
        """Of the requests since the last call."""


@runtime_checkable
class Estimator(Protocol):
    """A backend that knows how much memory a run takes, before it starts."""

    def estimate(self, plan: Plan, tokens: int, requests: int) -> Estimate | None:
        """Without loading weights, in the parent; ``None`` where it is not known.

        Args:
            tokens: that the longest request may have, answer included.
            requests: that will be made at least, warm-up not counted.
        """


@runtime_checkable
class Converter(Protocol):
    """A backend whose ``convert`` may make a file that is loaded in place of the model's own."""

    def file_of(self, plan: Plan) -> Path:
        """The file, or its first part, that ``load`` reads, whether or not it is made yet.

        Raises:
            Refused: it cannot be made from these weights.
        """


class ReplyStream(Protocol):
    """A parser at work on a text that comes in pieces, split anywhere."""

    def feed(self, piece: str) -> list[Event]:
        """What is certain after this piece; nothing is ever taken back."""

    def close(self) -> list[Event]:
        """The rest, once the text is over. All events add up to what ``parse`` gives."""


class Parser(Protocol):
    """Takes a model's text apart. Never raises, whatever the text, in time linear in its length."""

    names: tuple[str, ...]  #: the first is the one shown; others are aliases
    family: str  #: the shared shape, e.g. ``hermes_json_tag``
    source: str  #: where the format is defined
    think: tuple[str, str]  #: what opens and closes reasoning

    def matches(self, template: str) -> bool:
        """Whether a model with this chat template speaks the format."""

    def parse(
        self, text: str, tools: Sequence[ToolSchema] = (), starts_in_reasoning: bool = False
    ) -> Reply:
        """The whole text at once. ``starts_in_reasoning``: the prompt opened it already."""

    def stream(
        self, tools: Sequence[ToolSchema] = (), starts_in_reasoning: bool = False
    ) -> ReplyStream:
        """A reader for a text that is still being generated."""

    def grammar(self, tools: Sequence[ToolSchema], rules: CallRules) -> str | None:
        """A grammar, in llguidance's Lark, of the answers that ``rules`` allow: text and calls of
        these tools, with arguments that their schemas admit. ``None``: the format has none."""


class DeclaredParser(Parser, Protocol):
    """The parser ``response_template``: it reads by what a tokenizer declares of its answers."""

    problem: str | None  #: why the declaration cannot be used

    def declared(self, template: Json) -> DeclaredParser:
        """A parser for this declaration; one that cannot be used is a problem in every reply."""


@dataclass(frozen=True)
class Attempt:
    """An answer with all that was known when it was read."""

    prompt: Prompt
    text: str
    reply: Reply  #: what ``parser`` made of the text
    parser: Parser
    starts_in_reasoning: bool
    earlier: tuple[Attempt, ...] = ()  #: to the same prompt, in the rounds before

    @property
    def calls(self) -> tuple[Call, ...]:
        """Of all rounds, in order."""
        return tuple(call for each in (*self.earlier, self) for call in each.reply.calls)


Judge = Callable[[Attempt], str | None]
"""Says in one word what became of an answer's calls, ``ok`` or what is wrong with them; ``None``
where there is nothing to judge."""
