"""The decode loop: token ids in, tokens out, through mlx-lm's KV cache."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_tokenizer
from numpy.typing import NDArray
from tokenizers.decoders import DecodeStream

from infra import chat
from infra.calls.matcher import Matcher
from infra.plan import Plan
from infra.types import Prompt, Sampling, Token

from . import facts, loading
from . import sampling as shaping

PREFILL = 2048  #: prompt tokens per forward pass, unless load.batch says otherwise
SCORED = 256  #: positions whose logits are held at once, which takes SCORED x vocabulary floats


class MlxEngine:
    """A model of mlx-lm, in this process."""

    def __init__(self, plan: Plan) -> None:
        self._model, config = loading.load(plan)
        with loading.refusing(plan):
            self._tokenizer = load_tokenizer(
                Path(plan.model.path),
                {"trust_remote_code": plan.model.trust_remote_code, "local_files_only": True},
                eos_token_ids=config.get("eos_token_id"),
            )
        self._device = loading.device(plan.load.device)
        self._batch = plan.load.batch or PREFILL
        self.template = self._tokenizer.chat_template
        self.eos = frozenset(self._tokenizer.eos_token_ids)
        self.facts = facts.read(
            self._model, self.template, self._device, loading.context(plan), self._batch
        )

    def encode(self, prompt: Prompt) -> list[int]:
        text = chat.render(self.template, prompt, self._tokenizer.special_tokens_map)
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def generate(
        self, ids: Sequence[int], sampling: Sampling, matcher: Matcher | None = None
    ) -> Iterator[Token]:
        stream, prompt = DecodeStream(skip_special_tokens=False), mx.array(list(ids))
        draws = self._held(prompt, sampling, matcher) if matcher else self._draws(prompt, sampling)
        for drawn in draws:
            token: int = drawn.item()  # type: ignore[assignment]  # drawn from a range
            yield Token(token, stream.step(self._tokenizer.backend_tokenizer, token) or "")

    def grammar_tokenizer(self) -> LLTokenizer:
        return from_tokenizer(self._tokenizer._tokenizer, eos_token=sorted(self.eos))

    def distribution(
        self, logits: NDArray[np.float32], history: Sequence[int], sampling: Sampling
    ) -> NDArray[np.float32]:
        seen = mx.array(list(history), dtype=mx.int32)
        return np.array(shaping.probabilities(mx.array(logits), seen, sampling))

    def logprobs(self, ids: Sequence[int]) -> NDArray[np.float32]:
        scores = [np.empty(0, np.float32)]
        cache = make_prompt_cache(self._model)
        given, targets = mx.array(list(ids[:-1])), mx.array(list(ids[1:]))
        for start in range(0, len(given), SCORED):
            part = slice(start, start + SCORED)
            logits = self._model(given[part][None], cache=cache)[0].astype(mx.float32)
            chosen = mx.take_along_axis(logits, targets[part][:, None], axis=-1)
            scores.append(np.array((chosen - mx.logsumexp(logits, -1, keepdims=True))[:, 0]))
        return np.concatenate(scores)

    def device_memory(self) -> int | None:
        return mx.get_active_memory() if self._device == "metal" else None

    def close(self) -> None:
        del self._model
        gc.collect()
        mx.clear_cache()

    def _draws(self, history: mx.array, sampling: Sampling) -> Iterator[mx.array]:
        """Tokens, of shape (1,); the next is begun before one is handed out, so that the device
        has work while text is made."""
        key = mx.random.key(sampling.seed)
        logits, cache = self._prefill(history)
        waiting: list[mx.array] = []
        try:
            while True:
                key, now = mx.random.split(key)
                token = shaping.draw(logits, history, sampling, now)
                mx.async_eval(token)  # type: ignore[no-untyped-call]  # its stub lacks types
                yield from waiting
                waiting = [token]
                if sampling.repetition_penalty != 1:
                    history = mx.concatenate([history, token])
                logits = self._model(token[None], cache=cache)[0, -1]
        finally:
            mx.synchronize()  # the token that nobody takes must not slow the next request

    def _held(self, history: mx.array, sampling: Sampling, matcher: Matcher) -> Iterator[mx.array]:
        """Tokens, of shape (1,), that ``matcher`` admits; it must have moved on before the next."""
        key = mx.random.key(sampling.seed)
        logits, cache = self._prefill(history)
        while True:
            key, now = mx.random.split(key)
            token = shaping.draw(logits, history, sampling, now)
            if not matcher.admits(token.item()):  # type: ignore[arg-type]  # drawn from a range
                admitted = mx.array(matcher.admitted(logits.size))
                left = mx.where(admitted, logits, -mx.inf)
                token = shaping.draw(left, history, sampling, now)
            yield token
            history = mx.concatenate([history, token])
            logits = self._model(token[None], cache=cache)[0, -1]

    def _prefill(self, ids: mx.array) -> tuple[mx.array, Any]:
        """Logits, of shape (vocabulary,), after all of ``ids``, and the filled cache.

        The last token goes alone: nothing needs the logits of those before it.
        """
        cache = make_prompt_cache(self._model)
        for start in range(0, len(ids) - 1, self._batch):
            self._model(ids[start : min(start + self._batch, len(ids) - 1)][None], cache=cache)
            mx.eval([layer.state for layer in cache])
            mx.clear_cache()
        return self._model(ids[-1:][None], cache=cache)[0, -1], cache
