"""Fenced blocks of Markdown (https://spec.commonmark.org/0.31.2/#fenced-code-blocks), in which a
call may be an example.
"""

import re
from collections.abc import Callable

from .python_text import ahead, read_run
from .source import Markers, Reading, Source

#: how many spaces may stand before a fence
INDENTS = ("", " ", "  ", "   ")
RUN = {character: re.compile(f"{character}*") for character in "`~"}
LINE, BLANK = re.compile(r"[^\n]*"), re.compile(r"[ \t]*")
CLOSERS = {
    character: tuple(f"\n{indent}{3 * character}" for indent in INDENTS) for character in RUN
}
#: what may begin a block, and what may where a text begins
OPENERS = tuple(opener for openers in CLOSERS.values() for opener in openers)
AT_START = Markers(opener.removeprefix("\n") for opener in OPENERS)


def read_block(
    opener: str, calls: tuple[str, ...], source: Source, passed: Callable[[str], object]
) -> Reading[bool]:
    """Read from behind one of ``OPENERS`` through the end of its block, if it begins one. A block
    that never ends is read up to the first call in it.

    Args:
        calls: what calls begin with.
        passed: is given the text.

    Returns:
        Whether the block ends.
    """
    character = opener[-1]
    source.mark()
    size = 3 + len((yield from read_run(source, RUN[character])))
    info = yield from read_run(source, LINE)
    if character == "`" in info:
        source.back()
        return True
    passed(source.taken())
    ends = Markers((*CLOSERS[character], *calls))
    while marker := (yield from source.until(ends, passed)):
        if marker in calls:
            source.place -= len(marker)
            return (yield from _read_on(character, size, source, passed))
        passed(marker)
        if (yield from _is_end(character, size, source, passed)):
            return True
    return False


def _read_on(
    character: str, size: int, source: Source, passed: Callable[[str], object]
) -> Reading[bool]:
    """Read from a call on through the end of the block, or nothing if it never ends."""
    ends = Markers(CLOSERS[character])
    source.mark()
    while (yield from source.until(ends, _ignore)):
        if (yield from _is_end(character, size, source, _ignore)):
            passed(source.taken())
            return True
    source.back()
    return False


def _is_end(
    character: str, size: int, source: Source, passed: Callable[[str], object]
) -> Reading[bool]:
    """Read the rest of a fence; whether it is long enough, with nothing behind it in its line."""
    run = yield from read_run(source, RUN[character])
    passed(run + (yield from read_run(source, BLANK)))
    return 3 + len(run) >= size and (yield from ahead(source, 1)) in ("\n", "")


def _ignore(_: str) -> None:
    """For text that only the mark keeps."""
