"""Reads ranges of weight files into the page cache, as many at once as the disk likes."""

import fcntl
import os
import struct
import sys
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from infra.errors import Failed

#: bytes of one read; and a thread is worth its while from so many
BLOCK = 1 << 20


class Range(NamedTuple):
    """A part of a file."""

    file: int  #: which of the reader's files
    offset: int
    size: int


class Reader:
    """The open files of a model, and the threads that read them."""

    def __init__(self, paths: Sequence[Path], threads: int) -> None:
        self._paths, self._threads = paths, threads
        self._files = [os.open(path, os.O_RDONLY) for path in paths]
        self._marks = [_mark(file) for file in self._files]
        self._null = os.open(os.devnull, os.O_WRONLY)
        self._pool = ThreadPoolExecutor(threads, "experts")
        self._local = threading.local()
        for file in self._files:
            _expect_no_order(file)

    @property
    def tells_presence(self) -> bool:
        """Whether mincore(2) says the truth of these files, which Linux does to who may write."""
        return all(os.access(path, os.W_OK) for path in self._paths)

    def read(self, ranges: Sequence[Range]) -> None:
        """Have all ranges in the page cache.

        Raises:
            Failed: a file is shorter than it was, or cannot be read.
        """
        for each in ranges:
            _announce(self._files[each.file], each)
        blocks = [block for each in ranges for block in _blocks(each)]
        threads = min(self._threads, 1 + sum(each.size for each in ranges) // BLOCK)
        others = [self._pool.submit(self._copy, blocks[n::threads]) for n in range(1, threads)]
        self._copy(blocks[::threads])
        for other in others:
            other.result()

    def touch(self, each: Range) -> None:
        """Tell the system that a range, which is cached, is in use: that counts when it chooses
        what to drop, while a look through a mapping with MADV_RANDOM does not."""
        if sys.platform == "linux":
            try:
                os.sendfile(self._null, self._files[each.file], each.offset, each.size)
            except OSError as error:
                raise self._unreadable(each, error) from error

    def check(self) -> None:
        """
        Raises:
            Failed: a file is not what it was when it was opened.
        """
        for path, file, mark in zip(self._paths, self._files, self._marks, strict=True):
            if _mark(file) != mark:
                raise Failed(
                    f"{path} was removed, truncated or overwritten while its experts were "
                    "streamed from it."
                )

    def close(self) -> None:
        """Wait for the threads and close the files."""
        self._pool.shutdown()
        for file in (*self._files, self._null):
            os.close(file)

    def _copy(self, blocks: Iterable[Range]) -> None:
        """Into nowhere; what is wanted is the copy that the system keeps."""
        if not hasattr(self._local, "buffer"):
            self._local.buffer = memoryview(bytearray(BLOCK))
        for block in blocks:
            self._copy_one(block, self._local.buffer)

    def _copy_one(self, block: Range, buffer: memoryview) -> None:
        done = 0
        while done < block.size:
            try:
                here = buffer[: block.size - done]
                count = os.preadv(self._files[block.file], [here], block.offset + done)
            except OSError as error:
                raise self._unreadable(block, error) from error
            if not count:
                raise Failed(
                    f"{self._paths[block.file]} ends at byte {block.offset + done}, in the middle "
                    "of an expert: it was truncated while its experts were streamed from it."
                )
            done += count

    def _unreadable(self, each: Range, error: OSError) -> Failed:
        path = self._paths[each.file]
        return Failed(f"{path} cannot be read at byte {each.offset}: {error.strerror}.")


def _blocks(each: Range) -> Iterable[Range]:
    for start in range(0, each.size, BLOCK):
        yield Range(each.file, each.offset + start, min(BLOCK, each.size - start))


def _mark(file: int) -> tuple[bool, int, int]:
    """Changes when the file is removed, resized or written to."""
    status = os.fstat(file)
    return status.st_nlink > 0, status.st_size, status.st_mtime_ns


def _expect_no_order(file: int) -> None:
    """Without it the system reads ahead, into experts that nobody asked for."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)


def _announce(file: int, each: Range) -> None:
    """Let the disk begin; nothing waits here."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, each.offset, each.size, os.POSIX_FADV_WILLNEED)
    elif sys.platform == "darwin":
        advise = 44  # F_RDADVISE of fcntl.h, which takes struct radvisory
        fcntl.fcntl(file, advise, struct.pack("qi", each.offset, each.size))
