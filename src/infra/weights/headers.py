"""Reads the headers of weight files, so that a broken file is refused before an engine sees it.

Nothing here loads a weight or trusts a number of the file: ``gguf.GGUFReader`` takes 1 KB and
7 µs for each array element that a header *claims*, so 60 bytes of garbage can hang it.
Formats: github.com/ggml-org/ggml/blob/master/docs/gguf.md and
github.com/huggingface/safetensors#format.
"""

import json
import math
import mmap
import re
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from infra.errors import Refused
from infra.types import Json

_PART = re.compile(r"(.+)-\d{5}-of-(?!00000)(\d{5})\.gguf", re.DOTALL)

Found = TypeVar("Found")

#: GGUF's scalar types as struct codes
_SCALARS = dict(enumerate(("B", "b", "H", "h", "I", "i", "f", "?"))) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


def gguf_parts(name: str) -> list[str]:
    """All file names of a split GGUF, given any of them; ``[name]`` if it is not split."""
    match = _PART.fullmatch(name)
    if match is None:
        return [name]
    stem, count = match[1], match[2]
    return [f"{stem}-{part:05}-of-{count}.gguf" for part in range(1, int(count) + 1)]


def check_safetensors(path: Path) -> None:
    """Look at the header and whether its tensors cover the file exactly.

    Raises:
        Refused: they do not, or there are none.
        OSError: the file cannot be opened.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415  # compiled code

    try:
        # opened here first, because safe_open calls every failure "No such file"
        with path.open("rb"), safe_open(path, "numpy") as file:
            empty = not file.keys()
    except SafetensorError as error:
        raise _broken(path, "safetensors", str(error)) from error
    if empty:
        raise _broken(path, "safetensors", "it holds no tensors")


class Stored(NamedTuple):
    """A tensor of a safetensors file."""

    name: str
    shape: list[int]
    kind: str  #: as the format calls it, e.g. ``BF16``
    bytes: int


def read_safetensors(path: Path) -> list[Stored]:
    """All tensors of a file.

    Raises:
        OSError, ValueError, KeyError: it cannot be read, or ``check_safetensors`` refuses it.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries: dict[str, Json] = json.loads(file.read(length))
    return [
        Stored(
            name,
            entry["shape"],
            entry["dtype"],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in entries.items()
        if name != "__metadata__"
    ]


def read_gguf(path: Path) -> dict[str, Json]:
    """``metadata``: scalars by key, arrays as ``{"length": n}``. ``tensors``: how many there
    are. ``stored_as``: the file type that it names, e.g. ``Q4_K_M``, or that of most weights.

    Raises:
        Refused: the header is no GGUF of version 2 or 3, or a tensor lies outside the file.
        OSError: the file cannot be opened.
    """
    return _walked(path, lambda header: header.read())


def _walked(path: Path, walk: "Callable[[_Header], Found]") -> "Found":
    if not path.stat().st_size:
        raise _broken(path, "GGUF", "it is empty")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return walk(_Header(data))
    except struct.error as error:
        raise _broken(path, "GGUF", "it ends in the middle of its header") from error
    except ValueError as error:
        raise _broken(path, "GGUF", str(error)) from error


class Place(NamedTuple):
    """A tensor in a GGUF file."""

    name: str
    shape: list[int]  #: fastest dimension first
    kind: str  #: storage type, e.g. ``Q4_K``
    offset: int  #: after ``Layout.begin``
    bytes: int


class Layout(NamedTuple):
    """Where a GGUF file has its tensors."""

    begin: int  #: bytes of the header, padded
    alignment: int
    tensors: list[Place]
    metadata: dict[str, Json]  #: as ``read_gguf`` gives it

    @property
    def used(self) -> int | None:
        """Experts that a token uses."""
        family = self.metadata.get("general.architecture")
        used = self.metadata.get(f"{family}.expert_used_count")
        return used if isinstance(used, int) and used > 0 else None


def read_layout(path: Path) -> Layout:
    """Of a GGUF file that may end after its header.

    Raises:
        Refused, OSError: as ``read_gguf``.
    """
    return _walked(path, lambda header: header.layout())


def _broken(path: Path, kind: str, reason: str) -> Refused:
    return Refused(
        f"{path} is not a whole {kind} file: {reason}. A download or copy may have been cut "
        "short: fetch the file again."
    )


class _Header:
    """Walks over a GGUF header; struct raises where it would leave the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def read(self) -> dict[str, Json]:
        begin, _, tensors, metadata = self.layout()
        types: Counter[str] = Counter()
        for name, shape, kind, offset, size in tensors:
            if (end := begin + offset + size) > len(self.data):
                raise ValueError(
                    f"its tensor {name!r} ends at byte {end}, and the file at {len(self.data)}"
                )
            types[kind] += math.prod(shape)
        stored_as = _stored_as(metadata.get("general.file_type"), types)
        return {"metadata": metadata, "tensors": len(tensors), "stored_as": stored_as}

    def layout(self) -> Layout:
        tensors, fields = self._counts()
        metadata: dict[str, Json] = {}
        for _ in range(fields):
            key = self._string()
            if not key or key in metadata:
                raise ValueError(f"its metadata has the key {key!r} twice or without a name")
            metadata[key] = self._value(self._number("I"))
        places = [self._tensor() for _ in range(tensors)]
        alignment = _alignment(metadata)
        return Layout(-(-self.at // alignment) * alignment, alignment, places, metadata)

    def _counts(self) -> tuple[int, int]:
        if (magic := self.data[:4]) != b"GGUF":
            raise ValueError(f"it begins with {magic!r} and not with {b'GGUF'!r}")
        self.at = 4
        version, tensors, fields = self._number("I"), self._number("Q"), self._number("Q")
        if version not in (2, 3):
            raise ValueError(f"its version is {version}, and only 2 and 3 can be read")
        if 24 * tensors + 13 * fields > len(self.data):
            raise ValueError(
                f"it announces {tensors} tensors and {fields} metadata fields, more than its "
                f"{len(self.data)} bytes can hold"
            )
        return tensors, fields

    def _number(self, code: str) -> int:
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return int(value)

    def _string(self) -> str:
        start = self._forward(self._number("Q"))
        return self.data[start : self.at].decode("utf-8", "replace")

    def _forward(self, size: int) -> int:
        """Step over ``size`` bytes and return where they begin."""
        start = self.at
        self.at += size
        if self.at > len(self.data):
            raise struct.error("beyond the end")
        return start

    def _value(self, kind: int) -> Json:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(self._number("I"), self._number("Q"))
        (value,) = struct.unpack_from(code := "<" + _scalar(kind), self.data, self.at)
        self.at += struct.calcsize(code)
        return value

    def _array(self, kind: int, length: int) -> Json:
        if kind == _STRING:
            self._skip_strings(length)
        else:
            self._forward(length * struct.calcsize("<" + _scalar(kind)))
        return {"length": length}

    def _skip_strings(self, count: int) -> None:
        """A vocabulary has 150,000 of them: no calls in this loop but struct's own."""
        at, end, data, size = self.at, len(self.data), self.data, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + size(data, at)[0]
            if at > end:
                raise struct.error("beyond the end")
        self.at = at

    def _tensor(self) -> Place:
        """One tensor, wherever it may lie."""
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType  # noqa: PLC0415  # slow to import

        name = self._string()
        if (dimensions := self._number("I")) > 4:
            raise ValueError(f"its tensor {name!r} has {dimensions} dimensions")
        shape = [self._number("Q") for _ in range(dimensions)]
        stored, offset = GGMLQuantizationType(self._number("I")), self._number("Q")
        block, size = GGML_QUANT_SIZES[stored]
        return Place(name, shape, stored.name, offset, math.prod(shape) // block * size)


def _scalar(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError(f"its metadata has a value of the unknown type {kind}")
    return _SCALARS[kind]


def _alignment(metadata: dict[str, Json]) -> int:
    value = metadata.get("general.alignment", 32)
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"its alignment is {value!r}")
    return value


def _stored_as(file_type: Json, types: Counter[str]) -> str:
    from gguf import LlamaFileType  # noqa: PLC0415  # slow to import

    most = max(types, key=lambda name: types[name], default="unknown")
    known = {int(each): each.name.removeprefix("MOSTLY_") for each in LlamaFileType}
    return known.get(file_type, most) if isinstance(file_type, int) else most
