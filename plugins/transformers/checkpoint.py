"""Where each tensor of a checkpoint lies, to the byte.

Format: github.com/huggingface/safetensors#format. Its library hands out tensors, not offsets.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

#: the format's names of the floats, which are all that can be streamed
FLOATS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Stored:
    """A tensor in a file."""

    file: Path
    dtype: str  #: as the format spells it
    shape: tuple[int, ...]
    offset: int  #: of its first byte in the file
    size: int  #: bytes


def tensors(folder: Path) -> dict[str, Stored]:
    """All tensors of the model in ``folder``, by their names there.

    Raises:
        OSError, ValueError: a file is missing or does not begin with a header.
    """
    return {name: stored for file in files(folder) for name, stored in _header(file)}


def files(folder: Path) -> list[Path]:
    """The files that transformers would read: those of the index, or the only one."""
    if not (folder / INDEX).exists():
        return [folder / "model.safetensors"]
    names = json.loads((folder / INDEX).read_text())["weight_map"].values()
    return [folder / name for name in sorted(set(names))]


def _header(path: Path) -> Iterator[tuple[str, Stored]]:
    with path.open("rb") as file:
        size = file.read(8)
        if len(size) < 8:
            raise ValueError(f"{path.name} ends in the middle of its header")
        (length,) = struct.unpack("<Q", size)
        if length > path.stat().st_size:
            raise ValueError(f"{path.name} is shorter than its header")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        shape = tuple(entry["shape"])
        yield name, Stored(path, entry["dtype"], shape, 8 + length + begin, end - begin)
