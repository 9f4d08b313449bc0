"""Answers the calls that a model makes: from the prompt's canned results, or by running a function.

A function runs only if ``tools.run`` names it. Whatever goes wrong is a result that the model sees.
"""

import math
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from infra.errors import Refused, nearest
from infra.plan import Tools
from infra.plugins import Registry
from infra.prompts import canned
from infra.types import Call, Json, Prompt, ToolSchema

if TYPE_CHECKING:
    from infra.calls.functions import Function
    from infra.configuration import schema


class Answered(NamedTuple):
    """What the model is told of a call; ``error`` says why it has no result."""

    value: Json
    error: str | None = None


class Toolbox:
    """The tools of a run."""

    def __init__(self, functions: "Iterable[Function]", timeout: float) -> None:
        self._functions = {each.name: each for each in functions}
        self._timeout = timeout

    def runs(self, call: Call) -> bool:
        """Whether a function is run for this call."""
        return call.name in self._functions

    def answer(self, call: Call, prompt: Prompt) -> Answered:
        """The result of a call, ``{"error": sentence}`` if it has none. Never raises."""
        if not self.runs(call):
            return _simulated(call, prompt)
        function = self._functions[call.name]
        return _within(self._timeout, lambda: function.run(call.arguments))


def planned(keys: "schema.Tools", prompts: Sequence[Prompt]) -> Tools:
    """The keys ``tools.*`` of a plan.

    Raises:
        Refused: they are out of range, or do not fit one another or the prompts.
    """
    tools = Tools(**{**vars(keys), "run": tuple(dict.fromkeys(keys.run))})
    if tools.loop < 0:
        raise Refused(f"tools.loop={tools.loop} must be at least 0.")
    if not 0 < tools.timeout < math.inf:
        raise Refused(f"tools.timeout={tools.timeout} must be a number of seconds above 0.")
    if tools.run and not tools.loop:
        raise Refused(
            f"tools.run={','.join(tools.run)} needs tools.loop=N, so many rounds of results: "
            "without it calls are only read, and nothing runs."
        )
    if tools.loop and not tools.run and not any(prompt.tools for prompt in prompts):
        raise Refused(
            f"tools.loop={tools.loop}, but no prompt offers tools: give prompts that do, "
            "prompts.tools=FILE.json beside prompt=, or tools.run=NAME."
        )
    return tools


def functions(tools: Tools, registry: Registry) -> "list[Function]":
    """The functions that ``tools.run`` names.

    Raises:
        Refused: one is not registered, or cannot be offered.
    """
    if not tools.run:
        return []
    from infra.calls.functions import chosen  # noqa: PLC0415  # pydantic costs 0.1 s that most runs save

    return chosen(tools.run, registry)


def offered(prompt: Prompt, functions: "Iterable[Function]") -> Prompt:
    """The prompt with these functions on offer, besides its own tools of other names."""
    own = {function_name(tool) for tool in prompt.tools}
    added = (each.schema for each in functions if each.name not in own)
    return replace(prompt, tools=(*prompt.tools, *added))


def function_name(tool: ToolSchema) -> str:
    """The name under which a schema offers its function."""
    return str(tool.get("function", tool).get("name"))


def _failed(sentence: str) -> Answered:
    return Answered({"error": sentence}, sentence)


def _simulated(call: Call, prompt: Prompt) -> Answered:
    known = [function_name(tool) for tool in prompt.tools]
    if call.name not in known:
        return _failed(f"No tool is called {call.name!r}. {nearest(call.name, known)}")
    found = canned.fitting(call, prompt)
    if found is None:
        return _failed(f"No result of {call.name} is given for these arguments.")
    return Answered(found.result)


def _within(seconds: float, work: Callable[[], Json]) -> Answered:
    """What ``work`` gives; if it takes longer, its thread is left behind."""
    given: SimpleQueue[Answered] = SimpleQueue()
    Thread(target=lambda: given.put(_outcome(work)), daemon=True).start()
    try:
        return given.get(timeout=seconds)
    except Empty:
        return _failed(f"TimeoutError: no result after {seconds:g} s")


def _outcome(work: Callable[[], Json]) -> Answered:
    try:
        return Answered(work())
    except BaseException as error:  # it may raise anything, and the model is told
        return _failed("".join(traceback.format_exception_only(error)).strip())
