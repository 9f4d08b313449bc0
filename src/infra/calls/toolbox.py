"""Answers the calls that a model makes: from the prompt's canned results, or by running a function.

A function runs only if ``tools.run`` names it. Whatever goes wrong is a result that the model sees.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.calls.answered import Answered, failed, outcome
from infra.calls.worker import Worker
from infra.errors import Refused, nearest
from infra.plan import Tools
from infra.plugins import Registry
from infra.prompts import canned
from infra.types import Call, Prompt, ToolSchema

if TYPE_CHECKING:
    from infra.calls.functions import Function
    from infra.configuration import schema


class Toolbox:
    """The tools of a run."""

    def __init__(self, run: Sequence[str], timeout: float) -> None:
        """
        Args:
            run: the functions that answer calls of their names.
            timeout: seconds that one may take.
        """
        self._run, self._worker = run, Worker(run, timeout)

    def runs(self, call: Call) -> bool:
        """Whether a function is run for this call."""
        return call.name in self._run

    def answer(self, call: Call, prompt: Prompt) -> Answered:
        """The result of a call, ``{"error": sentence}`` if it has none. Never raises."""
        return self._worker.run(call) if self.runs(call) else _simulated(call, prompt)

    def close(self) -> None:
        """End what was started."""
        self._worker.close()


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


def _simulated(call: Call, prompt: Prompt) -> Answered:
    known = [function_name(tool) for tool in prompt.tools]
    if call.name not in known:
        return failed(f"No tool is called {call.name!r}. {nearest(call.name, known)}")
    found = canned.fitting(call, prompt)
    if found is None:
        return failed(f"No result of {call.name} is given for these arguments.")
    return outcome(lambda: found.result)
