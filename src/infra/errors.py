"""What can go wrong, as one sentence for a person: what, where, which value, what to try."""

import difflib
from collections.abc import Iterable


class InfraError(Exception):
    """Base of all errors that are shown as one sentence, without a traceback."""

    exit_code = 1


class Refused(InfraError):
    """The experiment cannot run as asked; nothing has been loaded."""

    exit_code = 2


class Failed(InfraError):
    """The run started and did not do what was asked; a record says so."""


#: so many choices are listed even where one is close
FEW = 12


def nearest(name: str, choices: Iterable[str]) -> str:
    """``Did you mean 'x'?`` where one is close, and the choices where they are few or none is.

    >>> nearest("llama_cp", ["llama_cpp", "mlx"])
    "Did you mean 'llama_cpp'? Choices: llama_cpp, mlx."
    """
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = [f"Did you mean {close[0]!r}?"] if close else []
    if len(known) <= FEW or not close:
        hint.append(f"Choices: {', '.join(known) or 'none'}.")
    return " ".join(hint)
