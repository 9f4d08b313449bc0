"""Random numbers in the storage types of weights, made as bytes: no number is drawn and then
quantized, so that a gigabyte takes about a second.

The bits of a block are random and its scale is set, with a random sign, so that the numbers have
the standard deviation that is asked for and a mean of 0. Floats get random signs and mantissas and
one exponent. Blocks as in ggml-common.h of github.com/ggml-org/ggml.
"""

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

#: bytes made at once, so that memory stays small and caches are used
CHUNK = 4 * 1024**2
#: root mean square of a number whose mantissa is random, over its power of two
MANTISSA = math.sqrt(7 / 3)


class Scale(NamedTuple):
    """Where a block has its scale, a half float, and what it subtracts or adds."""

    at: int
    offset_at: int | None = None
    offset: float = 0.0  #: times the scale: the value that makes the mean 0


class Floats(NamedTuple):
    """A float type: its bits that stay random, where its exponent begins, and its bias."""

    code: str
    kept: int
    shift: int
    bias: int


SCALES = {
    "Q4_0": Scale(0), "Q5_0": Scale(0), "Q8_0": Scale(0), "IQ4_NL": Scale(0), "IQ4_XS": Scale(0),
    "Q4_1": Scale(0, 2, -7.5), "Q5_1": Scale(0, 2, -15.5), "Q2_K": Scale(80, 82, 1.5),
    "Q3_K": Scale(108), "Q4_K": Scale(0, 2, 7.5), "Q5_K": Scale(0, 2, 15.5), "Q6_K": Scale(208),
}  # fmt: skip
FLOATS = {
    "F16": Floats("<u2", 0x83FF, 10, 15),
    "BF16": Floats("<u2", 0x807F, 7, 127),
    "F32": Floats("<u4", 0x807FFFFF, 23, 127),
}
#: its blocks begin with a power of two and no half float
EXPONENT = "MXFP4"
KINDS = frozenset({*SCALES, *FLOATS, EXPONENT})


def size(kind: str, numbers: int) -> int:
    """Bytes of so many numbers; they fill whole blocks."""
    block, stored = _sizes(kind)
    assert numbers % block == 0
    return numbers // block * stored


def block(kind: str) -> int:
    """Numbers that are stored together."""
    return _sizes(kind)[0]


def drawn(kind: str, numbers: int, deviation: float, seed: int) -> Iterator[Bytes]:
    """``numbers`` of mean 0 and of about this standard deviation, a chunk at a time."""
    block, stored = _sizes(kind)
    random = np.random.Generator(np.random.SFC64(seed))
    whole = CHUNK // stored
    for start in range(0, numbers // block, whole):
        count = min(whole, numbers // block - start)
        bits = _bits(random, count * stored)
        yield _shaped(kind, bits.reshape(count, stored), deviation, random).reshape(-1)


def plain(kind: str, values: NDArray[np.float32]) -> Bytes:
    """Given numbers in a float type."""
    if kind == "BF16":
        return _bytes((values.view(np.uint32) >> 16).astype("<u2"))
    return _bytes(values.astype({"F16": "<f2", "F32": "<f4"}[kind]))


def _bytes(array: NDArray[Any]) -> Bytes:
    return array.reshape(-1).view(np.uint8)


def _bits(random: np.random.Generator, count: int) -> Bytes:
    # four times faster than Generator.bytes
    words = random.integers(0, 2**64 - 1, -(-count // 8), dtype=np.uint64, endpoint=True)
    return words.view(np.uint8)[:count]


def _shaped(kind: str, rows: Bytes, deviation: float, random: np.random.Generator) -> Bytes:
    """Random bits, one block a row, made numbers of this deviation."""
    if kind in FLOATS:
        return _with_exponent(FLOATS[kind], rows, deviation)
    if kind == EXPONENT:
        rows[:, 0] = _clipped(127 + round(math.log2(deviation / _unit(kind))), 254)
        return rows
    scale, place = deviation / _unit(kind), SCALES[kind]
    signed = scale * random.choice(np.array([-1, 1], np.float32), len(rows))
    _put(rows, place.at, signed)
    if place.offset_at is not None:
        _put(rows, place.offset_at, signed * place.offset)
    return rows


def _put(rows: Bytes, at: int, values: NDArray[Any]) -> None:
    rows[:, at : at + 2] = values.astype("<f2").view(np.uint8).reshape(-1, 2)


def _with_exponent(layout: Floats, rows: Bytes, deviation: float) -> Bytes:
    exponent = _clipped(layout.bias + round(math.log2(deviation / MANTISSA)), 2 * layout.bias)
    numbers = rows.reshape(-1).view(layout.code)
    numbers &= layout.kept
    numbers |= exponent << layout.shift
    return rows


def _clipped(exponent: int, most: int) -> int:
    return min(max(exponent, 1), most)


@functools.cache
def _unit(kind: str) -> float:
    """The standard deviation of blocks whose scale is 1."""
    from gguf import GGMLQuantizationType, quants  # noqa: PLC0415  # slow to import

    rows = _bits(np.random.Generator(np.random.SFC64(0)), 1024 * _sizes(kind)[1])
    rows = rows.reshape(1024, -1)
    if kind == EXPONENT:
        rows[:, 0] = 127
    else:
        _put(rows, SCALES[kind].at, np.ones(1024, np.float32))
        if (at := SCALES[kind].offset_at) is not None:
            _put(rows, at, np.full(1024, SCALES[kind].offset, np.float32))
    return float(quants.dequantize(rows, GGMLQuantizationType[kind]).std())


@functools.cache
def _sizes(kind: str) -> tuple[int, int]:
    """Numbers in a block and its bytes."""
    if kind in FLOATS:
        return 1, int(FLOATS[kind].code[-1])
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType  # noqa: PLC0415  # as above

    block, stored = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
    return int(block), int(stored)
