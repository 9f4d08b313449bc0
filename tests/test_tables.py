"""Tables on narrow terminals: nothing is cut, and short names lead back to the runs."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Done
from infra import tables

RUN = ("backend=echo", "tracking=none", "prompts.limit=1")
ROWS = [["run", "a_long.name", "b"], ["1", "x y", "long word"], ["2", "", "w"]]


def seen(home: Path, columns: int, *arguments: str) -> str:
    """What ``python -m infra`` shows on a terminal with so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "infra", *arguments], cwd=home, env={**environment, "TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    found = b""
    while part := _read(ours):
        found += part
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", found.decode().replace("\r\n", "\n"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


def test_a_table_that_fits_stays_whole() -> None:
    assert len(list(tables.stacked(ROWS, tables.natural(ROWS)))) == 1


def test_a_table_that_does_not_fit_is_stacked_below_its_first_column() -> None:
    found = list(tables.stacked(ROWS, 14))
    assert [[column.header for column in part.columns] for part in found] == [
        ["run", "a_\nlong.\nname"],
        ["run", "b"],
    ]


@pytest.mark.parametrize(
    ("verb", "columns", "words"),
    [
        ("models", 60, "gpt_oss_20b Qwen3-30B-A3B-Instruct-2507 synthetic safetensors"),
        ("doctor", 60, "transformers llama-cpp-python safetensors"),
        ("plugins", 80, "repaired_unexpected_parameter routing_overlap_decode infra_backends"),
        ("parsers", 80, "response_template nemotron_nano_v2 key_value"),
    ],
)
def test_words_are_whole_on_a_narrow_terminal(
    home: Path, verb: str, columns: int, words: str
) -> None:
    shown = seen(home, columns, verb)
    table = shown[shown.rfind("free disk") + 1 :]
    assert not [word for word in words.split() if word not in table], table
    assert max(map(len, table.splitlines())) <= columns, table


def test_spare_room_is_shared_by_the_columns_that_want_it() -> None:
    rows = [["name", "a", "b"], ["x", "one two six", "five and seven " * 3]]
    (table,) = tables.fitted(rows, 24)
    assert [column.width for column in table.columns] == [4, 6, 8]


@pytest.mark.parametrize("columns", [80, 40])
def test_results_on_a_terminal_are_whole(
    infra: Callable[..., Done], home: Path, columns: int
) -> None:
    for tokens in (3, 5):
        infra(*RUN, f"sampling.max_tokens={tokens}", "seed=1")
    infra(*RUN, "name=mine")
    table = seen(home, columns, "results")
    assert max(map(len, table.splitlines())) <= columns, table
    assert "\u2026" not in table
    wide = infra("results").out.split("\n")
    missing = [cell for line in wide[1:] for cell in line.split()[1:] if cell not in table]
    assert not missing, table
    short = next(line.split()[0] for line in table.splitlines() if "FINISHED" in line)
    assert infra("show", short).out == infra("show", wide[1].split()[0]).out


def test_one_run_on_a_narrow_terminal_is_whole(infra: Callable[..., Done], home: Path) -> None:
    infra(*RUN)
    table = seen(home, 40, "show")
    assert "anonymous_memory" in table
    assert "\u2026" not in table.partition("cpu")[2]
