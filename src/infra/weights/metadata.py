"""What a model says of itself, in config.json or in a GGUF's metadata, in infra's words.

Key names as in transformers' configuration classes and in gguf's ``constants.Keys``.
"""

from collections.abc import Iterable, Iterator, Mapping

from infra.types import Json

EXPERTS = (
    "num_experts",
    "num_local_experts",
    "n_routed_experts",
    "moe_num_experts",
    "num_routed_experts",
)
USED = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_topk",
    "moe_top_k",
    "moe_k",
    "top_k_experts",
    "num_selected_experts",
)
CONTEXT = ("max_position_embeddings", "max_seq_len", "max_sequence_length", "n_positions")

#: where families that also see or hear keep their language model, and DBRX its experts
NESTED = ("text_config", "language_config", "llm_config", "thinker_config", "ffn_config")

#: GGUF's names of the schemes that have a short one here
SCHEMES = {"Q8_0": "q8", "Q4_K_M": "q4", "Q3_K_M": "q3", "Q2_K": "q2"}
FLOATS = ("ALL_F32", "F32", "F16", "BF16", "F64")


def of_config(config: Mapping[str, Json]) -> dict[str, Json]:
    """The fields ``experts``, ``experts_used``, ``context`` and ``quantization`` of Weights."""
    found = list(levels(config))
    experts = _first(found, EXPERTS)
    sparse = experts is not None and experts > 1
    return {
        "experts": experts if sparse else None,
        "experts_used": _first(found, USED) if sparse else None,
        "context": _first(found, CONTEXT),
        "quantization": _config_scheme(found),
    }


def of_gguf(metadata: Mapping[str, Json], stored_as: str) -> dict[str, Json]:
    """The same fields, from what ``headers.read_gguf`` gives."""
    family = metadata.get("general.architecture")
    plain = "none" if stored_as in FLOATS else stored_as.lower()
    return {
        "experts": _count(metadata.get(f"{family}.expert_count")),
        "experts_used": _count(metadata.get(f"{family}.expert_used_count")),
        "context": _count(metadata.get(f"{family}.context_length")),
        "quantization": SCHEMES.get(stored_as, plain),
    }


def levels(config: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """The configuration and its nested ones, outermost first."""
    yield config
    for key in NESTED:
        if isinstance(inner := config.get(key), Mapping):
            yield from levels(inner)


def _first(levels: Iterable[Mapping[str, Json]], keys: Iterable[str]) -> int | None:
    found = (_count(level.get(key)) for key in keys for level in levels)
    return next((value for value in found if value), None)


def _count(value: Json) -> int | None:
    """A whole number above 0; of a list with one per layer, the number they agree on."""
    if isinstance(value, list) and value and all(each == value[0] for each in value):
        return _count(value[0])
    return value if type(value) is int and value > 0 else None


def _config_scheme(levels: Iterable[Mapping[str, Json]]) -> str:
    """``q4`` for 4 bits in MLX's usual groups; else the quantizer's own name."""
    keys = ("quantization", "quantization_config")
    found = (level.get(key) for key in keys for level in levels)
    given = next((each for each in found if isinstance(each, Mapping)), None)
    if given is None:
        return "none"
    if method := given.get("quant_method") or given.get("quant_algo"):
        return str(method)
    if given.get("mode", "affine") != "affine":
        return str(given["mode"])
    group = given.get("group_size", 64)
    return f"q{given.get('bits')}" + ("" if group == 64 else f"_g{group}")
