"""What the system knows of the pages of a mapped file, asked and told through the C library.

Addresses and sizes are in bytes; a range is widened to whole pages, except for advice, which
must not touch the neighbours.
"""

import ctypes
import functools
import mmap
import os
from typing import Any

PAGE = mmap.PAGESIZE


@functools.cache
def _system() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    for name in ("mincore", "madvise", "mlock", "munlock"):
        getattr(library, name).restype = ctypes.c_int
    library.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    library.mlock.argtypes = library.munlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library


def expect_no_order(address: int, size: int) -> None:
    """A page that is touched and not in memory is read alone, without its neighbours."""
    _advise(address, size, mmap.MADV_RANDOM)


def forget(address: int, size: int) -> None:
    """Take whole pages out of this process's view, so that the system can drop them; what is
    touched again comes from the file."""
    _advise(address, size, mmap.MADV_DONTNEED)


def lock(address: int, size: int) -> None:
    """Keep a range in memory.

    Raises:
        OSError: this user may not lock so much, or there is not so much.
    """
    start, length = _widened(address, size)
    if _system().mlock(start, length):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def unlock(address: int, size: int) -> None:
    """Let the system drop a range again."""
    _system().munlock(*_widened(address, size))


class Presence:
    """Tells whether ranges of at most ``size`` bytes are in memory."""

    def __init__(self, size: int) -> None:
        self._states = bytearray(size // PAGE + 2)
        self._buffer = (ctypes.c_char * len(self._states)).from_buffer(self._states)
        self._address = ctypes.addressof(self._buffer)
        self._mincore = _system().mincore

    def all(self, address: int, size: int) -> bool:
        """Whether no page of the range would have to be read."""
        start = address // PAGE * PAGE
        pages = -(-(address + size - start) // PAGE)
        failed = self._mincore(start, pages * PAGE, self._address)
        # the lowest bit says it, and Linux leaves the others zero
        return not failed and self._states.find(0, 0, pages) < 0


def _advise(address: int, size: int, advice: int) -> None:
    start = -(-address // PAGE) * PAGE
    length = (address + size) // PAGE * PAGE - start
    if length > 0:
        _system().madvise(start, length, advice)


def _widened(address: int, size: int) -> tuple[int, int]:
    start = address // PAGE * PAGE
    return start, -(-(address + size - start) // PAGE) * PAGE
