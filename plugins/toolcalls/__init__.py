"""Tool calls: parsers for the formats that models write them in, and how often they are right.

A format is data for a core, like ``hermes.HERMES``; ``FORMATS`` lists them. ``format`` holds what
all share, ``json_tag`` is a core, ``source`` and ``writer`` are what cores read from and write to.
"""

from collections.abc import Mapping

from infra import hookimpl
from infra.protocols import Parser
from infra.types import Metric

from .exact import tool_call_exact
from .format import Format
from .hermes import HERMES

FORMATS: tuple[Format, ...] = (HERMES,)


@hookimpl
def infra_parsers() -> Mapping[str, Parser]:
    return {name: each for each in FORMATS for name in each.names}


@hookimpl
def infra_metrics() -> Mapping[str, Metric]:
    return {"tool_call_exact": tool_call_exact}
