"""The core of formats that write arguments as elements inside elements, each tag prefixed."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .elements import Elements
from .format import Format
from .json_text import shortened
from .source import Markers, Reading, Source
from .writer import Writer

SPACE = re.compile(r"\s*")
NAME = re.compile(r"""\s+name\s*=\s*(?:"([^"]+)"|'([^']+)'|([^"'\s]+))\s*""")


@dataclass(kw_only=True, eq=False)
class Nested(Format):
    """``|<tool_call> |<invoke name="f"> |<key>VALUE|</key> ... |</invoke> |</tool_call>``, with
    the prefix for ``|``, where VALUE is text or again elements.

    Text is literal. An element that is left open ends with the one around it, yet the last of a
    text that breaks off is cut. A closer of what is not open breaks its call.
    """

    family: str = "nested"
    prefix: str
    openers: tuple[str, ...] = ()  # follow from the prefix, as the closers do
    _prefix: Markers = field(init=False, repr=False)
    _tag_end: Markers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._prefix, self._tag_end = Markers((self.prefix,)), Markers((">",))
        self.openers = (f"{self.prefix}<tool_call>", f"{self.prefix}<invoke")
        self.closers = (f"{self.prefix}</tool_call>", f"{self.prefix}</invoke>")

    @property
    def values_are_text(self) -> bool:
        return True

    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        if source.text.endswith(self.openers[1], 0, source.place):
            rest = yield from self._rest_of_tag(source)
            tag = None if rest is None else f"invoke{rest}"
        else:
            tag = yield from self._tag_here(source)
        if not tag or not tag.startswith("invoke"):
            return out.problem("A tool call begins, and no function is named.")
        while tag and tag.startswith("invoke"):
            ended_by = yield from self._read_call(tag, source, out)
            own = ended_by == "/invoke"
            tag = (yield from self._tag_here(source)) if own else ended_by
        return None

    def _tag_here(self, source: Source) -> Reading[str | None]:
        """The tag that stands here; other text belongs to the caller."""
        yield from source.skip(SPACE)
        if (yield from source.here(self._prefix)) and (yield from source.skip(SPACE)) == "<":
            return (yield from self._rest_of_tag(source))
        return None

    def _read_call(self, tag: str, source: Source, out: Writer) -> Reading[str | None]:
        """Read through the tag that ends the call, and return that."""
        named = NAME.fullmatch(tag.removeprefix("invoke"))
        name = "".join(named.groups("")) if named else ""
        elements, problem = Elements(out.schema(name)), "" if named else "it names no function"
        end: str | None
        while (end := (yield from self._next_tag(source, elements.text))) is not None:
            if elements.ended_by(end):
                break
            problem = problem or elements.add(end)
        if end is None and elements.depth:
            problem = problem or "it breaks off"
        if problem:
            out.problem(f"The tool call {shortened(name or tag)} is broken: {problem}.")
        else:
            out.call(name, elements.arguments())
        return end

    def _next_tag(self, source: Source, text: Callable[[str], object]) -> Reading[str | None]:
        """Read over text and through a tag; return what stands in it, ``None`` at the end."""
        while (yield from source.until(self._prefix, text)):
            if (yield from source.skip(SPACE)) == "<":
                return (yield from self._rest_of_tag(source))
            text(self.prefix)
        return None

    def _rest_of_tag(self, source: Source) -> Reading[str | None]:
        """What stands in a tag, read through its ``>``; ``None`` if the text ends first."""
        head: list[str] = []
        end = yield from source.until(self._tag_end, head.append)
        return "".join(head).removeprefix("<") if end else None
