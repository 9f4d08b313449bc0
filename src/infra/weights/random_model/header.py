"""A GGUF file with the header of another and random weights: any architecture, its tokenizer
included. The other file may end after its header."""

from collections.abc import Sequence
from pathlib import Path

from infra.errors import Refused
from infra.weights.headers import Layout
from infra.weights.random_model import blocks, tensors
from infra.weights.random_model.tensors import EMBEDDING, Role, Tensor

#: parts of names of tensors that add to the residual stream
ADDING = ("attn_output", "ffn_down")


def listed(layout: Layout, where: Path) -> list[Tensor]:
    """All tensors, as the header has them.

    Raises:
        Refused: one of a type that cannot be made.
    """
    layers = len({each.name.split(".")[1] for each in layout.tensors if each.name[:4] == "blk."})
    made = []
    for name, shape, kind, *_ in layout.tensors:
        if kind not in blocks.KINDS:
            raise Refused(
                f"model.weights=random cannot make {kind}, which {where} stores {name} in; it can "
                f"make {', '.join(sorted(blocks.KINDS))}."
            )
        sizes = tuple(shape[::-1])
        made.append(Tensor(name, sizes, kind, *_numbers(name, sizes, kind, layers)))
    return made


def write(
    path: Path, source: Path, layout: Layout, made: Sequence[Tensor], spread: int | None
) -> None:
    """The header of ``source``, then each tensor at its place."""
    with source.open("rb") as given, path.open("wb") as file:
        file.write(given.read(layout.begin))
        for tensor, place in zip(made, layout.tensors, strict=True):
            file.seek(layout.begin + place.offset)
            for chunk in tensors.data(tensor, spread):
                file.write(chunk.data)
        file.truncate(file.tell() + -file.tell() % layout.alignment)


def _numbers(name: str, sizes: Sequence[int], kind: str, layers: int) -> tuple[Role, float]:
    """What is in a tensor of this name, and the deviation of a matrix."""
    if len(sizes) == 1:
        return ("ones" if "norm" in name and name.endswith("weight") else "zeros"), 0.0
    if "ffn_gate_inp." in name and kind in blocks.FLOATS and len(sizes) == 2:
        return "router", 0.0
    if name.startswith("token_embd"):
        return "matrix", EMBEDDING
    added = any(part in name for part in ADDING)
    return "matrix", float((sizes[-1] * (2 * max(layers, 1) if added else 1)) ** -0.5)
