"""A random model as a checkpoint: config.json, safetensors in parts, the bundled tokenizer."""

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.errors import Refused, nearest
from infra.types import Json
from infra.weights.random_model import tensors, vocabulary
from infra.weights.random_model.shapes import Shape
from infra.weights.random_model.tensors import Row, Tensor, small

#: bytes of a file, as published models have it
PART = 5 * 10**9
#: our name of a type -> that of the format, and of config.json
DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}


def listed(shape: Shape, kind: str) -> list[Tensor]:
    """All tensors, as the architecture's own checkpoints have them.

    Raises:
        Refused: ``kind`` is no type of safetensors.
    """
    if kind not in DTYPES:
        raise Refused(
            f"model.storage={kind} is no type of safetensors here. {nearest(kind, DTYPES)}"
        )
    common = [
        Tensor(row.checkpoint + row.end, row.shape, kind, row.role, row.deviation)
        for row in tensors.rows(shape)
    ]
    return common + [
        Tensor(row.checkpoint + row.end, row.shape, kind, row.role, row.deviation)
        for layer in range(shape.layers)
        for row in (_fused if shape.family.fused else _apart)(shape, layer)
    ]


def write(folder: Path, shape: Shape, made: Sequence[Tensor], spread: int | None) -> None:
    """All files of the model into ``folder``."""
    size = vocabulary.write(folder, shape.vocabulary)
    config = _config(shape, size, made[0].kind)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    parts, index = list(_parts(made)), dict[str, str]()
    for number, part in enumerate(parts, 1):
        name = f"model-{number:05}-of-{len(parts):05}.safetensors"
        _write_part(folder / name, part, spread)
        index |= {tensor.name: name for tensor in part}
    total = {"total_size": sum(tensor.bytes for tensor in made)}
    text = json.dumps({"metadata": total, "weight_map": index}, indent=2)
    (folder / "model.safetensors.index.json").write_text(text + "\n")


def _config(shape: Shape, size: int, kind: str) -> dict[str, Json]:
    """The given one, with what is other here."""
    config = dict(shape.config) | vocabulary.ids()
    config |= {"num_hidden_layers": shape.layers, "vocab_size": size}
    config |= {"dtype": DTYPES[kind], "torch_dtype": DTYPES[kind]}
    if isinstance(types := config.get("layer_types"), list):
        config["layer_types"] = types[: shape.layers]
    config.pop("quantization_config", None)
    return config


def _apart(shape: Shape, layer: int) -> Iterator[Row]:
    """Three matrices for each expert."""
    place, gate, up, down = shape.family.names
    wide, narrow = (shape.width, shape.hidden), (shape.hidden, shape.width)
    for expert in range(shape.experts):
        at = f"model.layers.{layer}.{place}.{expert}."
        yield Row(at + gate, "", wide, "matrix", shape.hidden**-0.5)
        yield Row(at + up, "", wide, "matrix", shape.hidden**-0.5)
        yield Row(at + down, "", narrow, "matrix", small(shape, shape.width))


def _fused(shape: Shape, layer: int) -> Iterator[Row]:
    """Two tensors for all experts, gate and up side by side, and their biases."""
    at = f"model.layers.{layer}.mlp.experts."
    number, hidden, width = shape.experts, shape.hidden, shape.width
    into, back = (number, hidden, 2 * width), (number, width, hidden)
    yield Row(at + "gate_up_proj", "", into, "matrix", hidden**-0.5, "")
    yield Row(at + "gate_up_proj_bias", "", (number, 2 * width), "zeros", end="")
    yield Row(at + "down_proj", "", back, "matrix", small(shape, width), "")
    yield Row(at + "down_proj_bias", "", (number, hidden), "zeros", end="")


def _parts(made: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    part: list[Tensor] = []
    for tensor in made:
        if part and sum(each.bytes for each in part) + tensor.bytes > PART:
            yield part
            part = []
        part.append(tensor)
    yield part


def _write_part(path: Path, made: Sequence[Tensor], spread: int | None) -> None:
    """The header, 8 bytes of length before it, then the tensors without gaps."""
    header: dict[str, Json] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in made:
        offsets = [end, end := end + tensor.bytes]
        entry = {"dtype": tensor.kind, "shape": tensor.shape, "data_offsets": offsets}
        header[tensor.name] = entry
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in made:
            for chunk in tensors.data(tensor, spread):
                file.write(chunk.data)
