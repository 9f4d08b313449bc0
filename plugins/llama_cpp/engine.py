"""The engine: a model, the context it answers in, and what was seen of both."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from importlib.metadata import version
from pathlib import Path

import numpy as np
from llguidance import LLTokenizer
from numpy.typing import NDArray

from infra import chat
from infra.calls.matcher import Matcher
from infra.errors import Refused
from infra.plan import Load, Plan
from infra.types import Facts, Json, Prompt, Routing, Sampling, Token

from . import hardware, residency
from .context import Context
from .forecast import Forecast
from .model import load_model
from .native import library
from .probe import Anatomy, examine
from .routing import Routes
from .sampling import Chain
from .streaming import Streamer
from .vocabulary import Vocabulary
from .watch import Watch

DEFAULT_CONTEXT = 4096  # all that a model was made for may take more memory than its weights
DEFAULT_BATCH = 512  # llama.cpp's own
SCORED_AT_ONCE = 64  # rows of logits, each as long as the vocabulary


class LlamaCppEngine:
    """As in ``infra.protocols.Engine``."""

    def __init__(self, plan: Plan, path: Path) -> None:
        threads = plan.load.threads or hardware.physical_cores()
        load = residency.options(plan)
        with ExitStack() as stack:
            self._model = load_model(path, load, plan.experts_active)
            stack.callback(library().llama.llama_model_free, self._model)
            streamer = self._streamer(plan, path, stack)
            anatomy = examine(self._model, threads, streamer)
            if streamer is not None:
                streamer.forecast = Forecast(anatomy.weights)
            self._routes = _routes(plan, anatomy, streamer)
            self._context = stack.enter_context(closing(self._new_context(load, threads)))
            self._vocabulary = Vocabulary(self._model)
            self.eos, self.template = self._vocabulary.eos, self._vocabulary.template
            streams = streamer is not None and streamer.knows(anatomy.stacks_by_layer)
            self.facts = self._read_facts(anatomy, residency.effective(anatomy, streams))
            self._owned = stack.pop_all()

    def encode(self, prompt: Prompt) -> list[int]:
        text = chat.render(self.template, prompt, self._vocabulary.special)
        return self._vocabulary.tokenize(text)

    def generate(
        self, ids: Sequence[int], sampling: Sampling, matcher: Matcher | None = None
    ) -> Iterator[Token]:
        """As in ``infra.protocols.Engine``; the context ends the tokens if the kernel does not.

        Raises:
            Refused: there is nothing to evaluate, which llama.cpp would end the process for.
            Failed: the context is full, llama.cpp could not compute, or experts that are streamed
                could not be read.
        """
        if not ids:
            raise Refused("A prompt has no tokens: there is nothing to answer.")
        text_of = self._vocabulary.decoder()
        with closing(self._chain(sampling, ids)) as chain:
            self._context.clear()
            if self._routes:
                self._routes.request()
            with self._phase("prefill"):
                for start in range(0, len(ids), self._context.batch):
                    self._context.decode(ids[start : start + self._context.batch])
            while True:
                token = self._draw(chain, matcher)
                yield Token(token, text_of(token))
                with self._phase("decode"):
                    self._context.decode((token,))

    def distribution(
        self, logits: NDArray[np.float32], history: Sequence[int], sampling: Sampling
    ) -> NDArray[np.float32]:
        with closing(self._chain(sampling, history)) as chain:
            return chain.probabilities(logits)

    def grammar_tokenizer(self) -> LLTokenizer:
        return self._vocabulary.grammar_tokenizer()

    def _draw(self, chain: Chain, matcher: Matcher | None) -> int:
        """The next token; drawn again from those that ``matcher`` admits if it is none of them."""
        if matcher is None:
            return self._context.sample(chain.handle)
        logits = self._context.logits(1)[0]
        token = chain.draw(logits)
        if not matcher.admits(token):
            token = chain.draw(logits, matcher.admitted(len(logits)))
        chain.accept(token)
        return token

    def _chain(self, sampling: Sampling, history: Sequence[int]) -> Chain:
        return Chain(sampling, history, self._vocabulary.size, self.facts.context)

    def logprobs(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """As in ``infra.protocols.Engine``, in a context of its own; the request's is kept."""
        given, targets = ids[:-1], np.asarray(ids[1:])
        result = np.empty(len(given), np.float32)
        threads = self._context.threads
        with closing(
            Context(self._model, len(ids), SCORED_AT_ONCE, threads, self._watch())
        ) as context:
            for start in range(0, len(given), context.batch):
                chunk = slice(start, start + context.batch)
                context.decode(given[chunk], all_logits=True)
                result[chunk] = _log_softmax_at(context.logits(len(given[chunk])), targets[chunk])
        return result

    def routing(self) -> Sequence[Routing]:
        """As in ``infra.protocols.Router``."""
        return self._routes.taken() if self._routes else ()

    def device_memory(self) -> int | None:
        return hardware.memory_in_use(self.facts.device)

    def close(self) -> None:
        self._owned.close()

    def _phase(self, name: str) -> AbstractContextManager[None]:
        return self._routes.phase(name) if self._routes else nullcontext()

    def _watch(self) -> Watch | None:
        """For one context."""
        return Watch(self._routes) if self._routes else None

    def _streamer(self, plan: Plan, path: Path, stack: ExitStack) -> Streamer | None:
        if plan.experts.residency != "stream":
            return None
        streamer = Streamer(path, plan.experts.io_threads, plan.experts.pin * 10**6)
        return stack.enter_context(closing(streamer))

    def _new_context(self, load: Load, threads: int) -> Context:
        made_for = library().llama.llama_model_n_ctx_train(self._model)
        length = load.context or min(made_for, DEFAULT_CONTEXT)
        batch = min(load.batch or DEFAULT_BATCH, length)
        return Context(self._model, length, batch, threads, self._watch())

    def _read_facts(self, anatomy: Anatomy, held: str) -> Facts:
        llama = library().llama
        parameters = llama.llama_model_n_params(self._model)
        return Facts(
            engine=f"llama-cpp-python {version('llama-cpp-python')}",
            device=anatomy.device,
            dtype=hardware.DTYPE,
            parameters=parameters,
            weight_bytes=llama.llama_model_size(self._model),
            context=self._context.length,
            threads=self._context.threads,
            experts=anatomy.experts,
            effective_k=anatomy.effective_k,
            residency=held,
            schemes=anatomy.schemes(parameters),
            unquantized=anatomy.unquantized,
            template_sha256=chat.sha256(self.template),
            options=self._options(anatomy),
        )

    def _options(self, anatomy: Anatomy) -> dict[str, Json]:
        return {
            "dtype": "unsupported",
            "device": anatomy.device,
            "threads": self._context.threads,
            "gpu_layers": anatomy.gpu_layers if hardware.gpus() else "unsupported",
            "context": self._context.length,
            "batch": self._context.batch,
            "mmap": anatomy.is_mapped,
            "repack": anatomy.repacked_bytes > 0,
            "repack_bytes": anatomy.repacked_bytes,
        }


def _routes(plan: Plan, anatomy: Anatomy, streamer: Streamer | None) -> Routes | None:
    """``None`` where nobody asks, or there are no experts."""
    counts = plan.experts.telemetry or streamer is not None
    return Routes(anatomy.stacks, streamer, counts) if counts and anatomy.stacks else None


def _log_softmax_at(logits: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Log-probability of one id in each row, float32 of shape (rows,)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    picked = shifted[np.arange(len(ids)), ids]
    result: NDArray[np.float32] = picked - np.log(np.exp(shifted).sum(axis=1))
    return result
