"""Reads pieces of weight files into memory, many at once."""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.weights.reading import OpenFiles

from .layout import Piece

#: bytes that are read at once; another thread is worth its while from so many
BLOCK = 1 << 20

Job = tuple[Piece, memoryview]
"""What to read, and where to."""
Block = tuple[int, int, memoryview]
"""Which file, where in it, and where to."""


class Reader:
    """The open files of a checkpoint, and the threads that read them."""

    def __init__(self, paths: Iterable[Path], threads: int) -> None:
        known = sorted(set(paths))
        self._places = {path: place for place, path in enumerate(known)}
        self._files = OpenFiles(known)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "experts")

    def read(self, jobs: Sequence[Job]) -> None:
        """Fill each buffer with its piece.

        Raises:
            Failed: a file is shorter than it was, or cannot be read.
        """
        for piece, _ in jobs:
            self._files.announce(self._places[piece.file], piece.offset, piece.size)
        blocks = deque(block for piece, buffer in jobs for block in self._blocks(piece, buffer))
        others = min(self._threads - 1, sum(piece.size for piece, _ in jobs) // BLOCK)
        helpers = [self._pool.submit(self._fill, blocks) for _ in range(others)]
        # what is cached is copied here before a helper has woken up
        self._fill(blocks)
        for helper in helpers:
            if not helper.cancel():
                helper.result()

    def check(self) -> None:
        """
        Raises:
            Failed: a file is not what it was when it was opened.
        """
        self._files.check()

    def close(self) -> None:
        """Wait for the threads and close the files."""
        self._pool.shutdown()
        self._files.close()

    def _fill(self, blocks: deque[Block]) -> None:
        """Take one block after the other, as the other threads do, until none is left."""
        with contextlib.suppress(IndexError):
            while True:
                self._files.fill(*blocks.popleft())

    def _blocks(self, piece: Piece, buffer: memoryview) -> Iterator[Block]:
        for start in range(0, piece.size, BLOCK):
            end = min(start + BLOCK, piece.size)
            yield self._places[piece.file], piece.offset + start, buffer[start:end]
