"""The tensors of a model of a given shape, under their names in a checkpoint and in GGUF."""

import zlib
from collections.abc import Iterator
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from infra.weights.random_model import blocks, routing
from infra.weights.random_model.shapes import Shape

Role = Literal["matrix", "router", "ones", "zeros"]
#: of the numbers in an embedding
EMBEDDING = 1.0


class Tensor(NamedTuple):
    """A tensor to be made; the slowest dimension comes first."""

    name: str
    shape: tuple[int, ...]
    kind: str  #: storage type, as GGUF calls it
    role: Role
    deviation: float = 0.0

    @property
    def bytes(self) -> int:
        return blocks.size(self.kind, prod(self.shape))


class Row(NamedTuple):
    """A tensor that both formats store alike; a name without ``.weight`` or ``.bias``."""

    checkpoint: str
    gguf: str
    shape: tuple[int, ...]
    role: Role = "matrix"
    deviation: float = 0.0
    end: str = ".weight"


def data(tensor: Tensor, spread: int | None) -> Iterator[blocks.Bytes]:
    """Its bytes, a chunk at a time: the same for the same name, shape and type.

    Args:
        spread: experts that a token uses, if routing is to spread as in real models.
    """
    seed = zlib.crc32(tensor.name.encode())
    if tensor.role == "matrix":
        yield from blocks.drawn(tensor.kind, prod(tensor.shape), tensor.deviation, seed)
    elif tensor.role == "router":
        rows = routing.router(tensor.shape[0], tensor.shape[1], spread, seed)
        yield blocks.plain(tensor.kind, rows)
    else:
        value = np.float32(tensor.role == "ones")
        yield blocks.plain(tensor.kind, np.full(tensor.shape, value, np.float32))


def rows(shape: Shape) -> Iterator[Row]:
    """All tensors but the experts'."""
    embedding = shape.vocabulary, shape.hidden
    yield Row("model.embed_tokens", "token_embd", embedding, "matrix", EMBEDDING)
    for layer in range(shape.layers):
        at, block = f"model.layers.{layer}.", f"blk.{layer}."
        for row in (*_attention(shape), *_norms(shape), *_router(shape)):
            yield row._replace(checkpoint=at + row.checkpoint, gguf=block + row.gguf)
    yield Row("model.norm", "output_norm", (shape.hidden,), "ones")
    if not shape.tied:
        yield Row("lm_head", "output", embedding, "matrix", shape.hidden**-0.5)


def small(shape: Shape, inner: int) -> float:
    """Of what is added to the residual stream: all layers together stay below a token's own
    embedding, so that routing depends on the token."""
    return float((inner * 2 * shape.layers) ** -0.5)


def _attention(shape: Shape) -> Iterator[Row]:
    wide, narrow = shape.heads * shape.head, shape.kv_heads * shape.head
    for name, size in (("q", wide), ("k", narrow), ("v", narrow)):
        place = f"self_attn.{name}_proj", f"attn_{name}"
        yield Row(*place, (size, shape.hidden), "matrix", shape.hidden**-0.5)
        if shape.family.biases:
            yield Row(*place, (size,), "zeros", end=".bias")
    place = "self_attn.o_proj", "attn_output"
    yield Row(*place, (shape.hidden, wide), "matrix", small(shape, wide))
    if shape.family.biases:
        yield Row(*place, (shape.hidden,), "zeros", end=".bias")


def _norms(shape: Shape) -> Iterator[Row]:
    family, hidden = shape.family, (shape.hidden,)
    yield Row("input_layernorm", "attn_norm", hidden, "ones")
    yield Row("post_attention_layernorm", family.ffn_norm, hidden, "ones")
    if family.head_norms or family.whole_norms:
        heads, keys = (shape.heads, shape.kv_heads) if family.whole_norms else (1, 1)
        yield Row("self_attn.q_norm", "attn_q_norm", (heads * shape.head,), "ones")
        yield Row("self_attn.k_norm", "attn_k_norm", (keys * shape.head,), "ones")


def _router(shape: Shape) -> Iterator[Row]:
    place = shape.family.router, "ffn_gate_inp"
    yield Row(*place, (shape.experts, shape.hidden), "router")
    if shape.family.biases:
        yield Row(*place, (shape.experts,), "zeros", end=".bias")
        yield Row("self_attn.sinks", "attn_sinks.weight", (shape.heads,), "zeros", end="")
