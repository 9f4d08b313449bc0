"""What a checkpoint's weights are made of, counted from its headers and config.json."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from infra.types import Json
from infra.weights import metadata
from infra.weights.headers import read_safetensors

#: dtype of safetensors -> bytes
FLOATS = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}


class Census(NamedTuple):
    """Numbers of weights; all are stored in floats of ``width`` bytes."""

    width: int
    all: int
    experts: int  #: in the routed experts
    fused: bool  #: one tensor for all experts of a layer
    embedding: int  #: in an embedding of which only the rows of given tokens are read
    largest: int  #: in the largest tensor
    layers: int
    hidden: int  #: in a token's state
    cached: int  #: keys and values of a token, in all layers

    @property
    def layer(self) -> int:
        """In the experts of one layer."""
        return self.experts // self.layers


def take(folder: Path) -> Census | None:
    """``None`` where the weights are quantized or config.json does not say what they cache.

    Raises:
        OSError, ValueError: a file cannot be read.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = [
        each for file in sorted(folder.glob("*.safetensors")) for each in read_safetensors(file)
    ]
    widths = {FLOATS.get(each.kind) for each in tensors}
    text = next((level for level in metadata.levels(config) if "num_hidden_layers" in level), None)
    width = widths.pop() if len(widths) == 1 else None
    if text is None or not width or "kv_lora_rank" in text:  # compressed, in ways of its own
        return None
    sizes = {each.name: each.bytes // width for each in tensors}
    experts = {name: size for name, size in sizes.items() if ".experts." in name}
    apart = any(re.search(r"\.experts\.\d+\.", name) for name in experts)
    untied = any(name.endswith("lm_head.weight") for name in sizes)
    rows = sum(size for name, size in sizes.items() if name.endswith("embed_tokens.weight"))
    return Census(
        width, sum(sizes.values()), sum(experts.values()), not apart, rows if untied else 0,
        max(sizes.values()), text["num_hidden_layers"], text["hidden_size"],
        _cached(text),
    )  # fmt: skip


def _cached(text: Mapping[str, Json]) -> int:
    heads = text["num_attention_heads"]
    head = text.get("head_dim") or text["hidden_size"] // heads
    layers, shared = text["num_hidden_layers"], text.get("num_key_value_heads") or heads
    return int(2 * layers * shared * head)
