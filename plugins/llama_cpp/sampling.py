"""The one sampling order, put together from llama.cpp's own samplers."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.types import Sampling

from .native import library

#: ``llama_token_data`` of llama.h
CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Chain:
    """A sampler for one request: penalty, temperature, top_k, top_p, min_p, draw."""

    def __init__(
        self, sampling: Sampling, history: Sequence[int], vocabulary: int, window: int
    ) -> None:
        """Args:
        history: ids that the penalty counts from the start; each draw joins them.
        vocabulary: its size.
        window: how many of the last ids the penalty looks at.
        """
        self.llama = library().llama
        self.handle: int = self.llama.llama_sampler_chain_init(
            self.llama.llama_sampler_chain_default_params()
        )
        self._ids = np.arange(vocabulary, dtype=np.int32)
        self._candidates = np.empty(vocabulary, CANDIDATE)
        self.is_greedy = sampling.temperature == 0
        if sampling.repetition_penalty != 1:
            self._add("penalties", vocabulary, window, sampling.repetition_penalty, 0.0, 0.0)
            for token in history:
                self.accept(token)
        if self.is_greedy:
            self._add("greedy")
        else:
            self._add_draw(sampling)

    def _add(self, name: str, *arguments: float) -> None:
        sampler = getattr(self.llama, f"llama_sampler_init_{name}")(*arguments)
        self.llama.llama_sampler_chain_add(self.handle, sampler)

    def _add_draw(self, sampling: Sampling) -> None:
        self._add("temp", sampling.temperature)
        self._add("top_k", sampling.top_k)
        self._add("top_p", sampling.top_p, 1)
        self._add("min_p", sampling.min_p, 1)
        # the remainder is never LLAMA_DEFAULT_SEED, which means a random seed
        self._add("dist", sampling.seed % self.llama.LLAMA_DEFAULT_SEED)

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a draw from ``logits`` would follow, float32 of the same shape (vocabulary,)."""
        array, candidates = self._apply(logits, logits > -np.inf)
        result = np.zeros(len(logits), np.float32)
        if self.is_greedy:
            result[array.data[array.selected].id] = 1
        else:
            left = candidates[: array.size]
            result[left["id"]] = left["p"]
        return result

    def draw(self, logits: NDArray[np.float32], admitted: NDArray[np.bool_] | None = None) -> int:
        """A token from ``logits``, of shape (vocabulary,), which the chain does not yet remember;
        one of those marked in ``admitted``, of the same shape."""
        array, _ = self._apply(logits, slice(None) if admitted is None else admitted)
        return int(array.data[array.selected].id)

    def accept(self, token: int) -> None:
        """Remember ``token`` as the one that was drawn."""
        self.llama.llama_sampler_accept(self.handle, token)

    def _apply(
        self, logits: NDArray[np.float32], among: slice | NDArray[np.bool_]
    ) -> tuple[Any, NDArray[np.void]]:
        """llama.cpp's array of the candidates that are left, and where it has them."""
        ids = self._ids[among]
        candidates = self._candidates[: len(ids)]
        candidates["id"], candidates["logit"] = ids, logits[among]
        data = candidates.ctypes.data_as(self.llama.llama_token_data_p)
        array = self.llama.llama_token_data_array(data, len(candidates), -1, False)
        self.llama.llama_sampler_apply(self.handle, ctypes.byref(array))
        return array, candidates

    def close(self) -> None:
        self.llama.llama_sampler_free(self.handle)
