"""Which engine, which quantization, how many experts, which sampling? One command answers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.calls.parsers import parse
    from infra.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl", "parse"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``infra.hookimpl`` and ``infra.parse``, imported when they are first asked for: the command
    line starts without them."""
    modules = {"hookimpl": "infra.hookspecs", "parse": "infra.calls.parsers"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(modules[name]), name)
