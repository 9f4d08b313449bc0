"""A random model as one GGUF file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.errors import Refused, nearest
from infra.weights.random_model import blocks, tensors, vocabulary
from infra.weights.random_model.shapes import Shape
from infra.weights.random_model.tensors import Row, Tensor, small

#: storage type -> of tensors that llama.cpp's recipe of this name keeps finer, and its name
FINER = {"Q4_K": ("Q6_K", "Q4_K_M"), "Q3_K": ("Q4_K", "Q3_K_M"), "Q2_K": ("Q3_K", "Q2_K")}
#: scheme of the group ``quantization`` -> storage type
SCHEMES = {"q8": "Q8_0", "q4": "Q4_K", "q3": "Q3_K", "q2": "Q2_K", "none": "F16"}
ALIGNMENT = 32


def kind_of(storage: str | None, scheme: str, shape: Shape) -> str:
    """The type of most weights.

    Raises:
        Refused: no such type can be made, or it does not fit the shape.
    """
    stored = "MXFP4" if shape.family.gguf == "gpt-oss" else "Q4_K"
    kind = storage or SCHEMES.get(scheme, stored)
    if kind not in blocks.KINDS:
        raise Refused(f"model.storage={kind} cannot be made. {nearest(kind, blocks.KINDS)}")
    sizes = {shape.hidden, shape.width, shape.heads * shape.head}
    if odd := [size for size in sizes if size % blocks.block(kind)]:
        raise Refused(
            f"{kind} stores {blocks.block(kind)} weights together, and a row of this shape has "
            f"{odd[0]}: try model.storage=Q8_0 or model.storage=MXFP4."
        )
    return kind


def listed(shape: Shape, kind: str) -> list[Tensor]:
    """All tensors; matrices in ``kind``, some finer as llama.cpp's own recipes have it."""
    made = [
        Tensor(_name(row), row.shape, _stored(row, kind, shape), row.role, row.deviation)
        for row in tensors.rows(shape)
    ]
    for layer in range(shape.layers):
        for row in _experts(shape, layer):
            stored = _stored(row, kind, shape, _is_finer(layer, shape.layers))
            made.append(Tensor(row.gguf + row.end, row.shape, stored, row.role, row.deviation))
    return made


def write(path: Path, shape: Shape, kind: str, made: Sequence[Tensor], spread: int | None) -> None:
    """The file, tensor after tensor."""
    from gguf import GGMLQuantizationType, GGUFWriter  # noqa: PLC0415  # slow to import

    writer = GGUFWriter(path, shape.family.gguf)
    _describe(writer, shape, kind)
    for tensor in made:
        stored = GGMLQuantizationType[tensor.kind]
        # the dtype is not looked at where the type is given
        writer.add_tensor_info(tensor.name, tensor.shape, None, tensor.bytes, stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    (file,) = writer.fout
    for tensor in made:
        file.write(b"\0" * (-file.tell() % ALIGNMENT))
        for chunk in tensors.data(tensor, spread):
            file.write(chunk.data)
    file.write(b"\0" * (-file.tell() % ALIGNMENT))
    writer.close()


def _name(row: Row) -> str:
    return row.gguf if row.gguf.endswith(".weight") else row.gguf + row.end


def _stored(row: Row, kind: str, shape: Shape, finer: bool = False) -> str:
    """What llama.cpp keeps a tensor in, where the model is quantized to ``kind``."""
    if row.role != "matrix":
        return "F32"
    name = row.gguf.rpartition(".")[2]
    if kind == "MXFP4":  # a type for experts alone
        return kind if "exps" in name else "Q8_0"
    if kind not in FINER:
        return kind
    if name == "output" or (name == "token_embd" and shape.tied):
        return "Q6_K"
    return FINER[kind][0] if name == "attn_v" or (finer and name == "ffn_down_exps") else kind


def _is_finer(layer: int, layers: int) -> bool:
    """llama.cpp's ``use_more_bits``: the first and last eighth, and every third between."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def _experts(shape: Shape, layer: int) -> Iterator[Row]:
    """Gate, up and down of all experts of a layer."""
    number, hidden, width = shape.experts, shape.hidden, shape.width
    for name, size, inner, deviation in (
        ("gate", width, hidden, hidden**-0.5),
        ("up", width, hidden, hidden**-0.5),
        ("down", hidden, width, small(shape, width)),
    ):
        place = f"blk.{layer}.ffn_{name}_exps"
        yield Row("", place, (number, size, inner), "matrix", deviation)
        if shape.family.biases:
            yield Row("", place, (number, size), "zeros", end=".bias")


def _describe(writer: Any, shape: Shape, kind: str) -> None:
    from gguf import LlamaFileType  # noqa: PLC0415  # as above

    writer.add_name("random weights")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.width)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.theta)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(vocabulary.length(shape.vocabulary))
    writer.add_expert_count(shape.experts)
    writer.add_expert_used_count(shape.used)
    writer.add_expert_feed_forward_length(shape.width)
    if window := shape.config.get("sliding_window"):
        writer.add_sliding_window(window)
    _describe_scaling(writer, shape)
    name = FINER.get(kind, ("", kind))[1]
    known = {each.name.removeprefix("MOSTLY_").removeprefix("ALL_"): each for each in LlamaFileType}
    if known_type := known.get("MXFP4_MOE" if kind == "MXFP4" else name):
        writer.add_file_type(known_type)
    vocabulary.describe(writer, shape.vocabulary)


def _describe_scaling(writer: Any, shape: Shape) -> None:
    """Of rotary positions, for contexts longer than a model was first made for."""
    from gguf import RopeScalingType  # noqa: PLC0415  # as above

    scaling = shape.config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "yarn":
        writer.add_rope_scaling_type(RopeScalingType.YARN)
        writer.add_rope_scaling_factor(scaling["factor"])
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
