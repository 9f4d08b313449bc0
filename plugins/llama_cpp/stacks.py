"""Where a GGUF file has its experts: the tensors ``blk.LAYER.ffn_*_exps.weight``, in which the
experts of a layer lie one after the other, all of one size."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from infra.weights.headers import gguf_parts, read_layout

from .reading import Range

_NAME = re.compile(r"blk\.(\d+)\.ffn_(gate|up|down|gate_up)_exps\.weight")


class Stack(NamedTuple):
    """The gate, up, down or fused gate and up matrices of a layer's experts."""

    name: str
    file: int  #: which of the model's files
    offset: int  #: of the first expert
    size: int  #: of one, in bytes
    experts: int

    def range(self, expert: int) -> Range:
        """Where one of them is."""
        return Range(self.file, self.offset + expert * self.size, self.size)

    @property
    def all(self) -> Range:
        """Where all of them are."""
        return Range(self.file, self.offset, self.size * self.experts)


def layer_of(name: str) -> int | None:
    """The layer whose experts a tensor holds; ``None`` for any other tensor."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def files_of(path: Path) -> list[Path]:
    """All parts of a model."""
    return [path.with_name(name) for name in gguf_parts(path.name)]


def stacks_of(path: Path) -> Mapping[int, list[Stack]]:
    """Layer -> its stacks, in the order of the file.

    Raises:
        Refused, OSError: as ``infra.weights.headers.read_layout``.
    """
    found: dict[int, list[Stack]] = defaultdict(list)
    for number, part in enumerate(files_of(path)):
        layout = read_layout(part)
        for place in layout.tensors:
            if (layer := layer_of(place.name)) is not None:
                experts = place.shape[2]
                start, size = layout.begin + place.offset, place.bytes // experts
                stack = Stack(place.name, number, start, size, experts)
                found[layer].append(stack)
    return found
