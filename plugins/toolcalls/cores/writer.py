"""Where readers put what they find: it becomes events."""

from collections.abc import Callable, Mapping, Sequence

from infra.calls.events import Arguments, CallEnd, CallStart, Content, Event, Problem, Reasoning
from infra.types import Json, ToolSchema

from .arguments import Schema, concrete, parameters, readings, typed
from .json_text import encode, shortened


class Trimmed:
    """Passes text on without the white space at the beginning and end of the whole."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self.begun = False  #: whether anything but white space was passed on
        self._space: list[str] = []
        self._before_call: int | None = None  # how much of it stands before a call

    def __call__(self, text: str) -> None:
        solid = text.rstrip()
        if solid:
            before = "".join(self._space) if self.begun else ""
            self._tell(before + (solid if self.begun else solid.lstrip()))
            self.begun, self._space, self._before_call = True, [], None
        self._space.append(text[len(solid) :])

    def note_call(self) -> None:
        """A call stands here; white space between two of them is passed over."""
        if self._before_call is None:
            self._before_call = len(self._space)
        del self._space[self._before_call :]


class Writer:
    """Collects the events of one text. ``content`` and ``reasoning`` take text in pieces."""

    def __init__(self, tools: Sequence[ToolSchema]) -> None:
        self._schemas = parameters(tools)
        self._events: list[Event] = []
        self._calls = 0
        self.content = Trimmed(lambda text: self._events.append(Content(text)))
        self.reasoning = Trimmed(lambda text: self._events.append(Reasoning(text)))

    def problem(self, sentence: str) -> None:
        """Something could not be read."""
        self._events.append(Problem(sentence))

    def schema(self, function: str) -> Schema:
        """The schema of a function's parameters; nothing of an unknown one."""
        return self._schemas.get(function, {})

    def knows(self, function: str) -> bool:
        """Whether it is one of the tools."""
        return function in self._schemas

    def unwrapped(
        self, name: str, arguments: dict[str, Json], wrappers: Sequence[str]
    ) -> dict[str, Json]:
        """The arguments, or what the only one holds, if it is one of ``wrappers`` and the tool
        has no parameter of that name, but of all that it holds."""
        wrapper = next(iter(arguments), "")
        inner, schema = arguments.get(wrapper), self.schema(name)
        if len(arguments) > 1 or wrapper not in wrappers or _takes(schema, arguments):
            return arguments
        if isinstance(inner, str):
            inner = next(readings(inner), None)
        return inner if isinstance(inner, dict) and _takes(schema, inner) else arguments

    def offers(self, function: str) -> bool:
        """Whether there is such a tool; any may be there if none is known."""
        return not self._schemas or function in self._schemas

    def call(self, name: str, arguments: dict[str, Json], id: str | None = None) -> None:
        """A whole call; its arguments are typed by what is known of the tool's schema."""
        schema = self.schema(name)
        try:
            text = encode(typed(arguments, schema, schema))
        except (ValueError, RecursionError) as error:
            return self.problem(f"The arguments of {shortened(name)} cannot be used: {error}.")
        self.content.note_call()
        index, self._calls = self._calls, self._calls + 1
        self._events += [CallStart(index, name, id), Arguments(index, text), CallEnd(index)]
        return None

    def only_tool_for(self, arguments: Mapping[str, Json]) -> str | None:
        """The one known tool, or the one of several that has parameters of all these names."""
        fitting = [name for name, schema in self._schemas.items() if _takes(schema, arguments)]
        known = list(self._schemas) if len(self._schemas) == 1 else fitting
        return known[0] if len(known) == 1 else None

    def drain(self) -> list[Event]:
        """The events since the last time."""
        events, self._events = self._events, []
        return events


def _takes(schema: Schema, arguments: Mapping[str, Json]) -> bool:
    known = [branch.get("properties") for branch in concrete(schema, schema)]
    return any(arguments.keys() <= each.keys() for each in known if isinstance(each, dict))
