"""Which bytes of which files are the weights of one expert.

transformers 5 keeps a layer's experts in fused parameters of shape (experts, rows, columns), while
files hold them fused or one by one, under names of their own. What becomes what is asked of the
library's own conversion mapping, so that families need no list here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    Concatenate,
    MergeModulelist,
    WeightConverter,
    dot_natural_key,
    rename_source_key,
)

from infra.errors import Refused

from .checkpoint import FLOATS, Stored, tensors
from .experts import is_experts


@dataclass(frozen=True)
class Piece:
    """Bytes of a file."""

    file: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Weights:
    """One fused parameter of a layer, by experts."""

    name: str  #: in its module
    shape: tuple[int, ...]  #: of one expert
    dtype: torch.dtype  #: in the file
    fused: bool  #: one tensor of the file holds them all
    pieces: tuple[tuple[Piece, ...], ...]  #: of each expert, in the order of its rows

    @property
    def expert_bytes(self) -> int:
        """Of one expert, as stored."""
        return sum(piece.size for piece in self.pieces[0])


def find(skeleton: Any, folder: Path) -> dict[str, list[Weights]]:
    """Path of each module of experts -> its weights.

    Args:
        skeleton: the model on the meta device.

    Raises:
        Refused: the files lack some, or hold them in a way that cannot be read expert by expert.
        OSError, ValueError: see ``checkpoint.tensors``.
    """
    wanted = dict(_parameters(skeleton))
    stored = tensors(folder)
    sources = _sources(skeleton, stored, wanted)
    found: dict[str, list[Weights]] = {}
    for full, parameter in wanted.items():
        module, _, name = full.rpartition(".")
        groups = [[stored[key] for key in keys] for keys in sources.get(full, [])]
        if not groups or any(len(group) not in (1, len(parameter)) for group in groups):
            raise Refused(f"{folder} lacks weights that the model needs: {full}.")
        found.setdefault(module, []).append(_weights(full, name, parameter, groups))
    return found


def _parameters(skeleton: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The matrices of all experts; their biases are small and stay in memory."""
    for path, module in skeleton.named_modules():
        if is_experts(module):
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.ndim == 3:
                    yield f"{path}.{name}", parameter


def _sources(
    skeleton: Any, stored: dict[str, Stored], wanted: dict[str, torch.Tensor]
) -> dict[str, list[list[str]]]:
    """Parameter -> names in the files that it is made of: of each part of an expert, by experts.

    Raises:
        Refused: they are not simply put one after the other.
    """
    mapping = get_model_conversion_mapping(skeleton)
    converters = [each for each in mapping if isinstance(each, WeightConverter)]
    renamings = [each for each in mapping if not isinstance(each, WeightConverter)]
    by_pattern = {pattern: each for each in converters for pattern in each.source_patterns}
    targets = skeleton.state_dict()
    groups: dict[str, dict[str | None, list[str]]] = {}
    for key in sorted(stored, key=dot_natural_key):
        full, pattern = rename_source_key(
            key, renamings, converters, skeleton.base_model_prefix, targets
        )
        if full not in targets and key in targets:
            full, pattern = key, None
        if full in wanted:
            if pattern is not None:
                _check_simple(by_pattern[pattern], full)
            groups.setdefault(full, {}).setdefault(pattern, []).append(key)
    return {full: _ordered(parts, by_pattern) for full, parts in groups.items()}


def _check_simple(converter: Any, full: str) -> None:
    """One by one on a new first axis, then rows under rows."""
    first, *rest = converter.operations
    stacked = isinstance(first, MergeModulelist) and first.dim == 0
    if not stacked or any(not isinstance(op, Concatenate) or op.dim != 1 for op in rest):
        raise Refused(
            f"experts.residency: {full} is stored in a way that transformers rearranges at load "
            f"({', '.join(map(str, converter.operations))}), so no expert can be read alone. "
            "Try experts.residency=resident, or another backend."
        )


def _ordered(
    parts: dict[str | None, list[str]], by_pattern: dict[str, WeightConverter]
) -> list[list[str]]:
    """The parts in the order that their converter puts them in; none if one is missing."""
    (some, *_) = parts
    patterns: Sequence[str | None] = by_pattern[some].source_patterns if some else [None]
    return [parts[pattern] for pattern in patterns] if parts.keys() == set(patterns) else []


def _weights(full: str, name: str, parameter: torch.Tensor, groups: list[list[Stored]]) -> Weights:
    experts, *shape = parameter.shape
    kinds = {each.dtype for group in groups for each in group}
    if len(kinds) > 1 or not kinds <= FLOATS.keys():
        held = ", ".join(sorted(kinds))
        raise Refused(
            f"experts.residency: {full} is stored as {held}, and only floats of one kind can be "
            "left in the file. Try experts.residency=resident."
        )
    dtype = FLOATS[kinds.pop()]
    fused = len(groups) == 1 and len(groups[0]) == 1 and groups[0][0].shape == parameter.shape
    pieces = tuple(_split(groups[0][0], experts) if fused else map(_one, *groups))
    size = parameter[0].numel() * dtype.itemsize
    if len(pieces) != experts or any(sum(p.size for p in each) != size for each in pieces):
        raise Refused(f"The experts' weights in the files do not fit the model: {full}.")
    return Weights(name, tuple(shape), dtype, fused, pieces)


def _split(whole: Stored, experts: int) -> Iterator[tuple[Piece, ...]]:
    size = whole.size // experts
    for expert in range(experts):
        yield (Piece(whole.file, whole.offset + expert * size, size),)


def _one(*parts: Stored) -> tuple[Piece, ...]:
    """What one expert is made of; neighbours in a file are read at once."""
    pieces: list[Piece] = []
    for part in parts:
        last = pieces[-1] if pieces else None
        if last and last.file == part.file and last.offset + last.size == part.offset:
            pieces[-1] = Piece(last.file, last.offset, last.size + part.size)
        else:
            pieces.append(Piece(part.file, part.offset, part.size))
    return tuple(pieces)
