"""A place to compute in: the KV cache and buffers of one sequence."""

import ctypes
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from infra.errors import Failed, Refused

from .native import library


class Watcher(Protocol):
    """Sees what a context computes."""

    callback: Any  #: a ``ggml_backend_sched_eval_callback``, which must not raise

    def begin(self, count: int) -> None:
        """Before a batch of ``count`` tokens."""

    def end(self) -> None:
        """After it; raises what the callback could not."""


class Context:
    """A KV cache for ``length`` tokens of one sequence, computed ``batch`` tokens at a time."""

    def __init__(
        self, model: int, length: int, batch: int, threads: int, watch: Watcher | None = None
    ) -> None:
        """Args:
            watch: sees every node computed.

        Raises:
            Refused: there is not enough memory.
        """
        self.lib = library()
        llama = self.lib.llama
        params = llama.llama_context_default_params()
        params.n_ctx = length
        params.n_batch = params.n_ubatch = batch
        params.n_threads = params.n_threads_batch = threads
        if watch is not None:
            params.cb_eval = watch.callback
        self.lib.forget()
        self._handle: int | None = llama.llama_init_from_model(model, params)
        if self._handle is None:
            raise Refused(
                f"llama.cpp cannot make a context of {length} tokens: {self.lib.complaint()}. "
                "Lower load.context or load.batch."
            )
        self._watch = watch  # llama.cpp keeps only the address of its callback
        self.length: int = llama.llama_n_ctx(self._handle)
        self.batch: int = llama.llama_n_batch(self._handle)
        self.threads: int = llama.llama_n_threads(self._handle)
        self._vocabulary: int = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))

    @property
    def handle(self) -> int | None:
        """llama.cpp's own context."""
        return self._handle

    def clear(self) -> None:
        """Forget all tokens, and what llama.cpp complained of while they came."""
        self.lib.forget()
        self.lib.llama.llama_memory_clear(self.lib.llama.llama_get_memory(self._handle), False)

    def decode(self, ids: Sequence[int], all_logits: bool = False) -> None:
        """Evaluate at most ``batch`` tokens after those before, for the last one's logits or all.

        Raises:
            Failed: the context is full, or the computation failed; or what ``watch`` raised.
        """
        count = len(ids)
        batch = self.lib.llama.llama_batch(
            n_tokens=count,
            token=(ctypes.c_int32 * count)(*ids),
            logits=(ctypes.c_int8 * count)(*[1] * count) if all_logits else None,
        )
        if self._watch:
            self._watch.begin(count)
        code = self.lib.llama.llama_decode(self._handle, batch)
        if self._watch:
            self._watch.end()
        if code == 1:
            raise Failed(f"The context of {self.length} tokens is full: raise load.context.")
        if code:
            raise Failed(f"llama_decode failed with code {code}: {self.lib.complaint()}.")

    def logits(self, count: int) -> NDArray[np.float32]:
        """Of the last batch, float32 of shape (count, vocabulary); a view, good until the next."""
        pointer = self.lib.llama.llama_get_logits(self._handle)
        return np.ctypeslib.as_array(pointer, (count, self._vocabulary))

    def sample(self, chain: int) -> int:
        """Draw from the last token's logits with a sampler chain, which remembers the draw."""
        token: int = self.lib.llama.llama_sampler_sample(chain, self._handle, -1)
        return token

    def close(self) -> None:
        self.lib.llama.llama_free(self._handle)
