"""The command line: bare words are verbs, ``key=value`` is an experiment.

Hydra's overrides always carry ``=``, ``~`` or ``+``, so the two never clash.
"""

import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.errors import InfraError, Refused, nearest
from infra.files import readable
from infra.interrupts import INTERRUPTED

#: verb -> (module, what it does); the module has ``main(arguments) -> exit code``
VERBS = {
    "results": ("infra.verbs.results", "a table of the runs in runs/, only what differs"),
    "report": ("infra.verbs.report", "a page with the answers of a sweep, or of any runs"),
    "show": ("infra.verbs.show", "one run: its answers, metrics and facts"),
    "compare": ("infra.verbs.compare", "two configurations: ratios, intervals, plain words"),
    "gate": ("infra.verbs.gate", "for CI: whether a candidate is worse than a baseline"),
    "models": ("infra.verbs.models", "the models that can be chosen, and what is on this disk"),
    "plugins": ("infra.verbs.inventory", "what is registered, by whom, and what failed"),
    "parsers": ("infra.verbs.parsers", "the formats of tool calls that can be read"),
    "parse": ("infra.verbs.parse", "texts with tool calls, JSON lines in, replies out"),
    "doctor": ("infra.verbs.doctor", "engines, devices, versions, unfinished runs"),
    "sync": ("infra.verbs.sync", "publish finished runs that MLflow does not have yet"),
    "ui": ("infra.verbs.ui", "open MLflow's page on the runs"),
}
#: verbs that take no arguments
ALONE = {"models", "plugins", "doctor"}
HELP = {"--help", "-h"}
#: what a write to a disk fails with; without a file's name it is standard output's
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code (0 done, 1 failed, 2 refused, 130 interrupted)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_streams()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except InfraError as error:
        print(f"infra: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.filename or error.errno not in DISK:
            raise
        return _lose_output(error)


def _lose_output(error: OSError) -> int:
    """Say so; what standard output still holds is not tried again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    print(f"infra: standard output cannot be written: {error.strerror}.", file=sys.stderr)
    return 1


def _prepare_streams() -> None:
    """A closed stream swallows what is written; one that lacks a character shows ``?``."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  # kept open for good
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _dispatch(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first == "--version":
        return _run("infra.verbs.help", [first])
    _check_text(arguments)
    if first == "help" or HELP.intersection(arguments):
        return _run("infra.verbs.help", [word for word in arguments if word in VERBS][:1])
    _check_folder()
    if first in ALONE and arguments[1:]:
        raise Refused(f"{first} takes no arguments: leave out {' '.join(arguments[1:])!r}.")
    if first in VERBS:
        return _run(VERBS[first][0], arguments[1:])
    if first and first[0].isalpha() and "=" not in first:
        print(f"infra: no verb is called {first!r}. {nearest(first, VERBS)}", file=sys.stderr)
        return 2
    return _run("infra.job", arguments)


def _run(module: str, arguments: list[str]) -> int:
    code: int = importlib.import_module(module).main(arguments)
    return code


def _check_text(arguments: list[str]) -> None:
    for each in arguments:
        if (shown := readable(each)) != each:
            raise Refused(
                f"The argument '{shown}' is not UTF-8 text: type it anew, or rename its file."
            )


def _check_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise Refused(
            f"The working directory cannot be used: {error.strerror}. It was deleted or moved: "
            "change into one that is there."
        ) from error
