"""Which engine, which quantization, how many experts, which sampling? One command answers."""

from infra.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl"]
__version__ = "0.1.0"
