"""backend=echo: answers with the words of the question, one token each. Needs no model library.

It tests the pipeline and shows what a backend is; what it says about speed means nothing.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from infra import hookimpl
from infra.errors import Refused
from infra.plan import Plan
from infra.types import Facts, Prompt, Sampling, Token

if TYPE_CHECKING:
    import numpy as np
    from llguidance import LLTokenizer
    from numpy.typing import NDArray

    from infra.calls.matcher import Matcher

END = 0
#: what ``encode`` reads of a prompt
TEMPLATE = "{{ messages[-1].content }}"


class EchoEngine:
    """Words are tokens; their ids are given in order of appearance."""

    def __init__(self, plan: Plan) -> None:
        self.words: dict[str, int] = {"": END}
        self.eos, self.template = frozenset({END}), TEMPLATE
        self.facts = Facts(
            engine="echo", device="cpu", dtype="float32", parameters=1, weight_bytes=4,
            context=plan.load.context or 4096, threads=1, schemes={"float32": 1.0},
            options={**dict.fromkeys(vars(plan.load), "unsupported"), "context": plan.load.context},
        )  # fmt: skip

    def encode(self, prompt: Prompt) -> list[int]:
        words = str(prompt.messages[-1]["content"]).split()
        return [self.words.setdefault(word, len(self.words)) for word in words]

    def generate(
        self, ids: Sequence[int], sampling: Sampling, matcher: "Matcher | None" = None
    ) -> Iterator[Token]:
        known = list(self.words)
        for token in ids:
            time.sleep(0.001)
            yield Token(token, f"{known[token]} ")
        while True:
            yield Token(END, "")

    def grammar_tokenizer(self) -> "LLTokenizer":
        raise Refused("backend=echo repeats what it is told and cannot be constrained.")

    def distribution(
        self, logits: "NDArray[np.float32]", history: Sequence[int], sampling: Sampling
    ) -> "NDArray[np.float32]":
        chosen = logits * 0
        chosen[logits.argmax()] = 1
        return chosen

    def logprobs(self, ids: Sequence[int]) -> "NDArray[np.float32]":
        import numpy as np

        return np.zeros(len(ids) - 1, np.float32)

    def device_memory(self) -> int | None:
        return None

    def close(self) -> None:
        self.words.clear()


class Echo:
    """Makes EchoEngines."""

    distributions: tuple[str, ...] = ()
    extra = ""
    formats = ("safetensors", "gguf")
    quantizations = frozenset({"stored", "none"})

    def prepare(self, plan: Plan) -> None:
        """Nothing to import."""

    def convert(self, plan: Plan) -> None:
        """Nothing to make."""

    def load(self, plan: Plan) -> EchoEngine:
        return EchoEngine(plan)


@hookimpl
def infra_backends() -> Mapping[str, Echo]:
    return {"echo": Echo()}
