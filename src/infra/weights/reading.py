"""Weight files that stay open while an engine computes, and of which it reads a part at a time."""

import fcntl
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.errors import Failed

#: F_RDADVISE of macOS's fcntl.h, which takes a struct radvisory
_READ_ADVICE = 44


class OpenFiles:
    """Files that nobody may change until they are closed; each is known by its place."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """
        Raises:
            OSError: one cannot be opened.
        """
        self._paths = paths
        self._files = [os.open(path, os.O_RDONLY) for path in paths]
        self._marks = [_mark(file) for file in self._files]
        self._null = os.open(os.devnull, os.O_WRONLY)
        for file in self._files:
            _expect_no_order(file)

    def fill(self, place: int, offset: int, buffer: memoryview) -> None:
        """Read as many bytes as the buffer has, through the system's page cache.

        Raises:
            Failed: the file is shorter than it was, or cannot be read.
        """
        while buffer:
            try:
                count = os.preadv(self._files[place], [buffer], offset)
            except OSError as error:
                raise self._unreadable(place, offset, error) from error
            if not count:
                raise self._too_short(place, offset)
            offset, buffer = offset + count, buffer[count:]

    def announce(self, place: int, offset: int, size: int) -> None:
        """Let the disk begin to read what will be asked for; nothing waits here."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._files[place], offset, size, os.POSIX_FADV_WILLNEED)
        elif sys.platform == "darwin":
            fcntl.fcntl(self._files[place], _READ_ADVICE, struct.pack("qi", offset, size))

    def drop(self, place: int, offset: int, size: int) -> None:
        """Take the whole pages of a range out of the system's page cache, but for those that a
        process has in its view."""
        os.posix_fadvise(self._files[place], offset, size, os.POSIX_FADV_DONTNEED)

    def touch(self, place: int, offset: int, size: int) -> None:
        """Wait until a range is in the system's page cache, and tell Linux that it is in use: that
        counts when it chooses what to drop, while a look through a mapping with MADV_RANDOM does
        not. Nothing is copied.

        Raises:
            Failed: the file is shorter than it was, or cannot be read.
        """
        end = offset + size
        while offset < end:
            try:
                count = os.sendfile(self._null, self._files[place], offset, end - offset)
            except OSError as error:
                raise self._unreadable(place, offset, error) from error
            if not count:
                raise self._too_short(place, offset)
            offset += count

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
        """Nothing can be read afterwards."""
        for file in (*self._files, self._null):
            os.close(file)

    def _too_short(self, place: int, offset: int) -> Failed:
        return Failed(
            f"{self._paths[place]} ends at byte {offset}, in the middle of an expert: it was "
            "truncated while its experts were streamed from it."
        )

    def _unreadable(self, place: int, offset: int, error: OSError) -> Failed:
        return Failed(f"{self._paths[place]} cannot be read at byte {offset}: {error.strerror}.")


def _mark(file: int) -> tuple[bool, int, int]:
    """Changes when the file is removed, resized or written to."""
    status = os.fstat(file)
    return status.st_nlink > 0, status.st_size, status.st_mtime_ns


def _expect_no_order(file: int) -> None:
    """Without it the system reads ahead, into experts that nobody asked for."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
