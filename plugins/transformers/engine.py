"""The decode loop: token ids in, tokens out, through the model's own KV cache."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer
from numpy.typing import NDArray
from tokenizers.decoders import DecodeStream
from transformers import AutoTokenizer

from infra import chat
from infra.calls.matcher import Matcher
from infra.experts.routing import Counts
from infra.plan import Plan
from infra.resources import memory
from infra.types import Facts, Prompt, Routing, Sampling, Token

from . import experts, facts, loading, residency
from . import sampling as shaping

PREFILL = 2048  #: prompt tokens per forward pass, unless load.batch says otherwise
SCORED = 256  #: positions whose logits are held at once, which takes SCORED x vocabulary floats


class TransformersEngine:
    """A model of transformers, in this process."""

    def __init__(self, plan: Plan) -> None:
        self._model, self._streams = loading.load(plan)
        with loading.refusing(plan):
            self._tokenizer = AutoTokenizer.from_pretrained(
                plan.model.path,
                local_files_only=True,
                trust_remote_code=plan.model.trust_remote_code,
            )
        self.template = self._tokenizer.chat_template
        self._batch = plan.load.batch or PREFILL
        self.eos = _eos(self._model, self._tokenizer)
        self.facts = self._facts(loading.context(plan))
        asked = plan.experts.telemetry or plan.experts.residency == "stream"
        self._counts = self._counting() if asked else None

    def encode(self, prompt: Prompt) -> list[int]:
        text = chat.render(self.template, prompt, self._tokenizer.special_tokens_map)
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def generate(
        self, ids: Sequence[int], sampling: Sampling, matcher: Matcher | None = None
    ) -> Iterator[Token]:
        generator = torch.Generator(self._model.device).manual_seed(sampling.seed)
        stream = DecodeStream(skip_special_tokens=False)
        history = list(ids)
        if self._counts:
            self._counts.begin()
        with self._phase("prefill"):
            logits, cache = self._prefill(history)
        while True:
            token = shaping.draw(logits, history, sampling, generator)
            if matcher and not matcher.admits(token):
                left = _only(logits, matcher)
                token = shaping.draw(left, history, sampling, generator)
            text = stream.step(self._tokenizer.backend_tokenizer, token)
            yield Token(token, text or "")
            history.append(token)
            with self._phase("decode"):
                (logits,), cache = self._forward([token], cache, last=1)

    def grammar_tokenizer(self) -> LLTokenizer:
        return from_tokenizer(self._tokenizer, eos_token=sorted(self.eos))

    def distribution(
        self, logits: NDArray[np.float32], history: Sequence[int], sampling: Sampling
    ) -> NDArray[np.float32]:
        given = torch.from_numpy(logits).to(self._model.device)
        return shaping.probabilities(given, history, sampling).numpy(force=True)

    def logprobs(self, ids: Sequence[int]) -> NDArray[np.float32]:
        scores = [np.empty(0, np.float32)]
        cache = None
        for start in range(0, len(ids) - 1, SCORED):
            targets = list(ids[start + 1 : start + 1 + SCORED])
            logits, cache = self._forward(ids[start : start + len(targets)], cache, last=0)
            shaped = logits.float().log_softmax(-1)
            scores.append(shaped[range(len(targets)), targets].numpy(force=True))
        return np.concatenate(scores)

    def routing(self) -> Sequence[Routing]:
        return self._counts.take() if self._counts else ()

    def device_memory(self) -> int | None:
        match self._model.device.type:
            case "cuda":
                return torch.cuda.memory_allocated(self._model.device)
            case "mps":
                return torch.mps.current_allocated_memory()
        return None

    def close(self) -> None:
        if self._streams:
            self._streams.close()
        del self._model, self._streams
        gc.collect()
        torch.cuda.empty_cache()

    def _facts(self, context: int) -> Facts:
        streams = self._streams
        known = facts.read(
            self._model, self.template, context, self._batch, streams.weights if streams else ()
        )
        if streams:  # seen in the forward pass that read the facts
            return replace(known, residency="stream" if streams.at_work else None)
        return replace(known, residency=residency.effective(self._model))

    def _counting(self) -> Counts | None:
        """Counts where tokens are routed to, from now on; ``None`` for a dense model."""
        if self.facts.experts is None:
            return None
        storage = None if self.facts.residency == "resident" else memory.bytes_read
        counts = Counts(self.facts.experts, storage)
        if self._streams:
            self._streams.counts = counts
        else:
            experts.watch(self._model, counts)
        return counts

    def _phase(self, name: str) -> AbstractContextManager[None]:
        return self._counts.phase(name) if self._counts else nullcontext()

    def _prefill(self, ids: Sequence[int]) -> tuple[torch.Tensor, Any]:
        """Logits, of shape (vocabulary,), after all of ``ids``, and the filled cache."""
        cache = None
        for start in range(0, len(ids), self._batch):
            logits, cache = self._forward(ids[start : start + self._batch], cache, last=1)
        return logits[-1], cache

    @torch.no_grad()  # not inference_mode, whose tensors torchao's cannot be indexed by
    def _forward(self, ids: Sequence[int], cache: Any, last: int) -> tuple[torch.Tensor, Any]:
        """Logits of the ``last`` positions (0: of all), (positions, vocabulary), and the cache."""
        if self._streams:
            self._streams.reader.check()
        given = torch.tensor([ids], device=self._model.device)
        out = self._model(given, past_key_values=cache, use_cache=True, logits_to_keep=last)
        return out.logits[0], out.past_key_values


def _only(logits: torch.Tensor, matcher: Matcher) -> torch.Tensor:
    """The logits, of shape (vocabulary,), without the tokens that are not admitted."""
    admitted = torch.from_numpy(matcher.admitted(len(logits)))
    return logits.masked_fill(~admitted.to(logits.device), -torch.inf)


def _eos(model: Any, tokenizer: Any) -> frozenset[int]:
    """The ids that end an answer, by the generation configuration and the tokenizer."""
    configured = model.generation_config.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    return frozenset({*several, tokenizer.eos_token_id} - {None})
