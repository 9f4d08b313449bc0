"""The hooks of infra: five nouns, two moments. Each plugin implements those that it needs.

A noun returns a mapping, so that names can be listed and a name claimed twice is an error that
names both plugins. Plugins are called one at a time: one that fails does not stop the others.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from infra.plan import Plan
    from infra.protocols import Backend, Judge, Parser
    from infra.types import Json, Metric, Record

#: pluggy's project name and the entry-point group
PROJECT = "infra"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def infra_backends() -> "Mapping[str, Backend]":  # type: ignore[empty-body]  # a declaration
    """Engines that can run a model, by the name used in ``backend=NAME``."""


@hookspec
def infra_parsers() -> "Mapping[str, Parser]":  # type: ignore[empty-body]  # a declaration
    """Readers of tool calls, by the name used in ``tools.parser=NAME``."""


@hookspec
def infra_judges() -> "Mapping[str, Judge]":  # type: ignore[empty-body]  # a declaration
    """Functions that say in a word what became of an answer's calls, by the word's name in the
    record."""


@hookspec
def infra_metrics() -> "Mapping[str, Metric]":  # type: ignore[empty-body]  # a declaration
    """Numbers computed from a finished record, by the name shown in tables and in MLflow."""


@hookspec
def infra_tools() -> "Mapping[str, Callable[..., Json]]":  # type: ignore[empty-body]  # a declaration
    """Typed Python functions that a model may call, by name. The signature becomes a JSON schema,
    the docstring the description, its ``Args`` those of the parameters. Arguments are checked
    against the types; what it returns must be JSON, and what it raises is told to the model. One
    runs only if ``tools.run`` names it, in a process beside the model's.
    """


@hookspec
def infra_stage(stage: str, plan: "Plan") -> Iterator[None]:  # type: ignore[empty-body]  # a declaration
    """A generator that yields once: code before and after a stage, outside its clock."""


@hookspec
def infra_recorded(record: "Record", path: str) -> None:
    """Called in the parent once record.json is on disk at ``path``."""
