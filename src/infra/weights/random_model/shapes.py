"""The shape of a model, read from its config.json: sizes alone, no weights."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from infra.errors import Refused
from infra.types import Json


@dataclass(frozen=True)
class Family:
    """How an architecture differs from the others, in its checkpoints and in GGUF."""

    gguf: str  #: its name there
    width: str  #: key of an expert's inner size
    experts: str  #: key of how many a layer has
    router: str = "mlp.gate"
    fused: bool = False  #: one tensor for all experts of a layer, gate and up in one
    biases: bool = False  #: of attention, router and experts; with attention sinks
    head_norms: bool = False  #: of queries and keys: of each head
    whole_norms: bool = False  #: of queries and keys: over all heads
    #: in a checkpoint: an expert's place, and its gate, up and down
    names: tuple[str, str, str, str] = ("mlp.experts", "gate_proj", "up_proj", "down_proj")
    ffn_norm: str = "ffn_norm"


#: ``model_type`` of config.json -> what can be made of it
FAMILIES = {
    "qwen3_moe": Family("qwen3moe", "moe_intermediate_size", "num_experts", head_norms=True),
    "olmoe": Family("olmoe", "intermediate_size", "num_experts", whole_norms=True),
    "mixtral": Family(
        "llama", "intermediate_size", "num_local_experts", router="block_sparse_moe.gate",
        names=("block_sparse_moe.experts", "w1", "w3", "w2"),
    ),
    "gpt_oss": Family(
        "gpt-oss", "intermediate_size", "num_local_experts", router="mlp.router", fused=True,
        biases=True, ffn_norm="post_attention_norm",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """What decides the tensors of a mixture-of-experts model."""

    config: Mapping[str, Json]
    family: Family
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head: int  #: numbers of one head
    experts: int
    used: int
    width: int  #: of an expert
    vocabulary: int
    context: int
    tied: bool

    def resized(self, vocabulary: int) -> "Shape":
        """With another number of tokens."""
        return replace(self, vocabulary=vocabulary)

    @property
    def theta(self) -> float:
        """The base of the rotary positions."""
        nested = self.config.get("rope_parameters") or {}
        return float(self.config.get("rope_theta") or nested.get("rope_theta") or 10000.0)

    @property
    def epsilon(self) -> float:
        return float(self.config.get("rms_norm_eps", 1e-6))


def read(config: Mapping[str, Json], where: str, layers: int | None = None) -> Shape:
    """The shape that a config.json describes, with only its first ``layers``.

    Raises:
        Refused: an architecture that cannot be made, or a size that is missing or no size.
    """
    kind = config.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise Refused(
            f"model.weights=random makes {', '.join(FAMILIES)}, and {where} is of the type "
            f"{kind!r}: give the header of a GGUF file of it, which may be any."
        )
    numbers = {name: _size(config, key, where) for name, key in _keys(family).items()}
    if layers is not None and not 1 <= layers <= numbers["layers"]:
        raise Refused(f"model.layers={layers} is out of range: {where} has {numbers['layers']}.")
    numbers["layers"] = layers or numbers["layers"]
    head = config.get("head_dim") or numbers["hidden"] // numbers["heads"]
    tied = bool(config.get("tie_word_embeddings", False))
    return Shape(config, family, head=head, tied=tied, **numbers)


def _keys(family: Family) -> dict[str, str]:
    return {
        "layers": "num_hidden_layers",
        "hidden": "hidden_size",
        "heads": "num_attention_heads",
        "kv_heads": "num_key_value_heads",
        "experts": family.experts,
        "used": "num_experts_per_tok",
        "width": family.width,
        "vocabulary": "vocab_size",
        "context": "max_position_embeddings",
    }


def _size(config: Mapping[str, Json], key: str, where: str) -> int:
    other = {"num_experts": "num_local_experts", "num_local_experts": "num_experts"}
    value = config.get(key, config.get(other.get(key, key)))
    if type(value) is not int or value < 1:
        raise Refused(f"{where} has {key}={value!r}, which is no size of a model.")
    return value
