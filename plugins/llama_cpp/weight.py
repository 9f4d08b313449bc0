"""A tensor of a loaded model, as it was seen in use."""

import math
from typing import NamedTuple


class Weight(NamedTuple):
    """One tensor of the model as it lies in memory."""

    scheme: str  #: storage type in lower case, e.g. ``q4_k``
    shape: tuple[int, ...]  #: four numbers, the fastest dimension first
    bytes: int
    is_float: bool
    device: str
    is_mapped: bool  #: in the file's own pages
    is_repacked: bool  #: copied into a layout that only the CPU's kernels read
    address: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)
