"""Files that are there whole or not at all, and names that are no text."""

import difflib
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` (UTF-8) beside ``path`` and move it in.

    Raises:
        OSError: as the system gives it; nothing half-written is left.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def readable(name: str) -> str:
    r"""``name`` with ``\xff`` for each byte that is not UTF-8; itself, if there is none.

    >>> readable("a\udcff")
    'a\\xff'
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a text file cannot be read, without its name.

    >>> reason(FileNotFoundError(2, "No such file or directory", "/nowhere"))
    'No such file or directory'
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"line {line} is not UTF-8 text"


def alike(path: Path) -> str:
    """A sentence with the nearest name in the folder of a file that is not there, or nothing."""
    names: list[str] = []
    with suppress(OSError):
        names = [each.name for each in path.parent.iterdir()]
    close = difflib.get_close_matches(path.name, names, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
