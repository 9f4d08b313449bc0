"""Reads ranges of weight files into the page cache, as many at once as the disk likes."""

import os
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from infra.resources import machine
from infra.weights.reading import OpenFiles

LINUX = sys.platform == "linux"
#: bytes that are announced at once, of which Linux takes no more than a disk takes in one request
#: or a read-ahead; and a thread is worth its while from so many
BLOCK = 1 << 20


class Range(NamedTuple):
    """A part of a file."""

    file: int  #: which of the reader's files
    offset: int
    size: int


class Reader:
    """The open files of a model, and the threads that read them."""

    def __init__(self, paths: Sequence[Path], threads: int) -> None:
        """
        Raises:
            OSError: a file cannot be opened.
        """
        self._paths = paths
        # what waits for the disk waits in one thread as in many; only finding room takes a CPU
        self._threads = min(threads, machine.usable_cpus())
        self.files = OpenFiles(paths)
        self._pool = ThreadPoolExecutor(self._threads, "experts")

    @property
    def tells_presence(self) -> bool:
        """Whether mincore(2) says the truth of these files, which Linux does to who may write."""
        return all(os.access(path, os.W_OK) for path in self._paths)

    def read(self, ranges: Sequence[Range], there: Sequence[Range] = ()) -> None:
        """Have all ranges in the page cache.

        Args:
            there: what is in it already and in use, which the system is told while the disk reads.

        Raises:
            Failed: a file is shorter than it was, or cannot be read.
        """
        blocks = [block for each in ranges for block in _blocks(each)]
        threads = min(self._threads, 1 + sum(each.size for each in ranges) // BLOCK)
        others = [self._pool.submit(self._bring, blocks[n::threads]) for n in range(1, threads)]
        self._bring(blocks[::threads], there)
        for other in others:
            other.result()

    def announce(self, ranges: Sequence[Range]) -> None:
        """Let the disk begin to read ranges that will likely be asked for."""
        for each in ranges:
            for block in _blocks(each):
                self.files.announce(*block)

    def drop(self, each: Range) -> None:
        """Take a range out of the page cache."""
        self.files.drop(*each)

    def close(self) -> None:
        """Wait for the threads and close the files."""
        self._pool.shutdown()
        self.files.close()

    def _bring(self, blocks: Sequence[Range], there: Sequence[Range] = ()) -> None:
        """Announce all, which is where the system finds room for them, then wait for each."""
        for block in blocks:
            self.files.announce(*block)
        for each in there if LINUX else ():  # others are told nothing of what is in use
            self.files.touch(*each)
        for block in blocks:
            self._wait(block)

    def _wait(self, block: Range) -> None:
        if LINUX:
            self.files.touch(*block)
        else:  # into nowhere; what is wanted is the copy that the system keeps
            self.files.fill(block.file, block.offset, memoryview(bytearray(block.size)))


def _blocks(each: Range) -> Iterable[Range]:
    for start in range(0, each.size, BLOCK):
        yield Range(each.file, each.offset + start, min(BLOCK, each.size - start))
