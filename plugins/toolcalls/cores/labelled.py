"""The core of formats whose tags carry a label that each tokenizer chooses for itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.calls.events import Event
from infra.types import ToolSchema

from .format import Stream
from .key_value import KeyValue

LABEL = r"[^\s<>]{1,64}"


@dataclass(kw_only=True, eq=False)
class Labelled(KeyValue):
    """As ``KeyValue``; each tag may say a label too, as ``<arg_key:LABEL>`` for ``<arg_key>``."""

    family: str = "labelled"
    tags: tuple[str, ...]  #: the names of those tags
    whole: re.Pattern[str] = field(init=False, repr=False)
    unfinished: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        names = "|".join(map(re.escape, self.tags))
        longest = max(map(len, self.tags))
        self.whole = re.compile(f"<(/?(?:{names})):{LABEL}>")
        self.unfinished = re.compile(rf"<(?:/?\w{{0,{longest}}}|/?(?:{names}):(?:{LABEL})?)")

    def stream(
        self, tools: Sequence[ToolSchema] = (), starts_in_reasoning: bool = False
    ) -> "LabelledStream":
        return LabelledStream(self, tools, starts_in_reasoning)


class LabelledStream(Stream):
    """One text being taken apart, read without the labels of its tags."""

    _format: Labelled
    _held = ""

    def feed(self, piece: str) -> list[Event]:
        """The events that this piece makes certain; the beginning of a tag waits for its end."""
        text = self._held + piece
        begins = text.rfind("<")
        cut_off = begins >= 0 and self._format.unfinished.fullmatch(text, begins)
        certain = begins if cut_off else len(text)
        self._held = text[certain:]
        return super().feed(self._format.whole.sub(r"<\1>", text[:certain]))

    def close(self) -> list[Event]:
        """The rest, once no more text comes."""
        return [*super().feed(self._held), *super().close()]
