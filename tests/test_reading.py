"""Files that are read while an engine computes."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import Failed
from infra.weights.reading import OpenFiles

WHOLE = bytes(range(256)) * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "weights").write_bytes(WHOLE)
    return tmp_path / "weights"


@pytest.fixture
def files(path: Path) -> Iterator[OpenFiles]:
    files = OpenFiles([path])
    yield files
    files.close()


def test_a_part_is_read(files: OpenFiles) -> None:
    buffer = bytearray(300)
    files.announce(0, 100, 300)
    files.fill(0, 100, memoryview(buffer))
    assert buffer == WHOLE[100:400]
    files.check()


def test_short_reads_go_on(files: OpenFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.preadv

    def little(file: int, buffers: list[memoryview], offset: int) -> int:
        return whole(file, [buffers[0][:7]], offset)

    monkeypatch.setattr(os, "preadv", little)
    buffer = bytearray(100)
    files.fill(0, 5, memoryview(buffer))
    assert buffer == WHOLE[5:105]


def test_a_file_is_known_by_its_place(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"other")
    files, buffer = OpenFiles([path, other]), bytearray(5)
    files.fill(1, 0, memoryview(buffer))
    files.close()
    assert buffer == b"other"


def overwrite(path: Path) -> None:
    path.write_bytes(WHOLE[::-1])
    os.utime(path, ns=(0, 0))


def replace(path: Path) -> None:
    path.with_name("new").write_bytes(WHOLE)
    path.with_name("new").rename(path)


@pytest.mark.parametrize(
    "change", [Path.unlink, lambda path: os.truncate(path, 9), overwrite, replace]
)
def test_a_changed_file_is_seen(
    change: Callable[[Path], None], files: OpenFiles, path: Path
) -> None:
    change(path)
    with pytest.raises(Failed, match="weights was removed, truncated or overwritten"):
        files.check()


def test_an_early_end_is_an_error(files: OpenFiles, path: Path) -> None:
    os.truncate(path, 50)
    with pytest.raises(Failed, match="ends at byte 50, in the middle of an expert"):
        files.fill(0, 20, memoryview(bytearray(100)))


def test_a_read_error_says_where(files: OpenFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(Failed, match="cannot be read at byte 20: Input/output error"):
        files.fill(0, 20, memoryview(bytearray(100)))


def test_threads_may_read_at_once(files: OpenFiles) -> None:
    buffers = [bytearray(1000) for _ in range(8)]
    threads = [
        threading.Thread(target=files.fill, args=(0, 1000 * n, memoryview(buffer)))
        for n, buffer in enumerate(buffers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert b"".join(buffers) == WHOLE[:8000]


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux is told what is in use")


@linux
def test_a_range_is_waited_for_to_its_end_and_not_copied(
    files: OpenFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seen = os.sendfile, []

    def little(out: int, file: int, offset: int, count: int) -> int:
        seen.append((offset, count))
        return whole(out, file, offset, min(count, 60))

    monkeypatch.setattr(os, "sendfile", little)
    monkeypatch.delattr(os, "preadv")
    files.touch(0, 20, 100)
    assert seen == [(20, 100), (80, 40)]


@linux
def test_a_range_that_cannot_be_waited_for_is_an_error(
    files: OpenFiles, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    os.truncate(path, 50)
    with pytest.raises(Failed, match="ends at byte 50, in the middle of an expert"):
        files.touch(0, 20, 100)
    monkeypatch.setattr(os, "sendfile", broken)
    with pytest.raises(Failed, match="cannot be read at byte 20: Input/output error"):
        files.touch(0, 20, 100)
