"""The one sampling order of ``infra.types.Sampling``, made of transformers' own processors."""

from collections.abc import Iterator, Sequence

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from infra.types import Sampling


def draw(
    logits: torch.Tensor, history: Sequence[int], sampling: Sampling, generator: torch.Generator
) -> int:
    """The next token, from logits of shape (vocabulary,)."""
    if sampling.temperature == 0:
        return int(_penalized(logits, history, sampling).argmax())
    shaped = probabilities(logits, history, sampling)
    return int(torch.multinomial(shaped, 1, generator=generator))


def probabilities(logits: torch.Tensor, history: Sequence[int], sampling: Sampling) -> torch.Tensor:
    """Float32 of shape (vocabulary,), on the device of ``logits``, which has the same shape."""
    scores = _penalized(logits, history, sampling)
    if sampling.temperature == 0:
        return torch.zeros_like(scores).scatter_(1, scores.argmax(1, keepdim=True), 1)[0]
    scores = LogitsProcessorList(_steps(sampling))(None, scores)
    return torch.softmax(scores, -1)[0]


def _penalized(logits: torch.Tensor, history: Sequence[int], sampling: Sampling) -> torch.Tensor:
    """Float32 of shape (1, vocabulary), as the processors take it."""
    scores = logits.float()[None]
    if sampling.repetition_penalty == 1:
        return scores
    ids = torch.tensor([history], dtype=torch.long, device=logits.device)
    penalized: torch.Tensor = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)(
        ids, scores
    )
    return penalized


def _steps(sampling: Sampling) -> Iterator[LogitsProcessor]:
    yield TemperatureLogitsWarper(float(sampling.temperature))
    if sampling.top_k > 0:
        yield TopKLogitsWarper(sampling.top_k)
    if sampling.top_p < 1:
        yield TopPLogitsWarper(sampling.top_p)
    if sampling.min_p > 0:
        yield MinPLogitsWarper(sampling.min_p)
