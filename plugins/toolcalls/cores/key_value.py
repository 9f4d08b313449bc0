"""The core of formats that write a call as its function's name and pairs of keys and values."""

import re
import shlex
from dataclasses import dataclass, field

from infra.types import Json

from .arguments import Raw
from .json_tag import JsonTag
from .json_text import decode, shortened
from .raw_arguments import SPACE, RawArguments, drop
from .source import Markers, Reading, Source
from .writer import Writer

#: a name, and in a call that is written without pairs, what follows it
CALL = re.compile(r"\s*([^\s{<]+)\s*(.*)", re.DOTALL)
#: a line break as some models write it between the parts of a call
ESCAPED = "\\n"


@dataclass(kw_only=True, eq=False)
class KeyValue(JsonTag):
    """``OPENER NAME <arg_key>KEY</arg_key> <arg_value>VALUE</arg_value> ... CLOSER``.

    Values are literal text. A tag may also hold calls as JSON, or a name with its arguments behind
    it, as a JSON object or as ``key=value``, as models also write them.
    """

    family: str = "key_value"
    sections: tuple[str, ...] = ()  #: the openers of what calls stand in, where a format has it
    separators: tuple[str, ...] = ()  #: what may follow a name
    key: tuple[str, str] = ("<arg_key>", "</arg_key>")
    value: tuple[str, str] = ("<arg_value>", "</arg_value>")
    kind: tuple[str, str] = ("<arg_type>", "</arg_type>")  #: around a value's type, before it
    text_kinds: tuple[str, ...] = ("string", "any")
    _tags: Markers = field(init=False, repr=False)
    _before_value: Markers = field(init=False, repr=False)
    _arguments: RawArguments = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        ends, tags = (*self.openers, *self.closers), (*self.key, *self.value, *self.kind)
        self._arguments = RawArguments(
            begins=self.key[:1],
            value_closers=self.value[1:],
            openers=self.openers,
            closers=self.closers,
            read_one=self._read_pair,
            must_close=True,
            dropped=(*self.separators, *tags[1:], *self.think),
        )
        self._tags = Markers((*ends, *self.separators, *tags, *self.think))
        self._before_value = Markers((self.kind[0], self.value[0]))
        self.closers += (*self.separators, *tags)

    @property
    def values_are_text(self) -> bool:
        return True

    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        if source.text.endswith(self.sections, 0, source.place):
            return None
        if (yield from source.skip(SPACE)) in ("{", "["):
            return (yield from super().read_calls(source, out))
        try:
            name, arguments = yield from self._read_call(source, out)
        except ValueError as error:
            out.problem(f"A tool call is broken: {error}.")
            tag = yield from source.until(self._arguments.ends, drop)
            source.place -= len(tag or "")
        else:
            out.call(name, arguments)
        return None

    def _read_call(self, source: Source, out: Writer) -> Reading[tuple[str, dict[str, Json]]]:
        """Read up to the tag that ends the call.

        Raises:
            ValueError: it is broken or cut off.
        """
        text: list[str] = []
        tag = yield from source.until(self._tags, text.append)
        begun = "".join(text).strip().removesuffix(ESCAPED)
        if tag not in (self.key[0], *self.separators):
            source.place -= len(tag or "")
            return self._without_pairs(begun, tag, out)
        if not begun or "\n" in begun:
            raise ValueError(f"{shortened(begun)} stands where a name belongs")
        if tag == self.key[0]:
            source.place -= len(tag)
        return begun, (yield from self._arguments.read(source, out, begun))

    def _without_pairs(
        self, begun: str, tag: str | None, out: Writer
    ) -> tuple[str, dict[str, Json]]:
        """A call that is nothing but text. Text that cannot be one is content."""
        found = CALL.fullmatch(begun)
        try:
            if not found or (tag is None and not begun.endswith("}")):
                raise ValueError(f"{shortened(begun)} is not the whole of one")
            return found[1], _loose(found[2])
        except ValueError:
            out.content(begun)
            raise

    def _read_pair(
        self, source: Source, out: Writer, name: str
    ) -> Reading[tuple[str, Json] | None]:
        """
        Raises:
            ValueError: the text ends before the value does.
        """
        text: list[str] = []
        tag = yield from source.until(self._tags, text.append)
        key = "".join(text).strip()
        source.place -= 0 if tag == self.key[1] != self.value[0] else len(tag or "")
        yield from source.skip(SPACE)
        yield from source.here(Markers((ESCAPED,)))
        tag = yield from source.here(self._before_value)
        kind = ""
        if tag == self.kind[0]:
            kind = yield from self._read_kind(source)
            tag = yield from source.here(self._before_value)
        if tag != self.value[0]:
            if not tag and source.place == len(source.text):
                raise ValueError(f"it breaks off after the key {shortened(key)}")
            out.problem(f"A tool call's key {shortened(key)} has no value.")
            return None
        value = yield from self._arguments.value(source, key)
        return key, value if kind in self.text_kinds else Raw(value)

    def _read_kind(self, source: Source) -> Reading[str]:
        text: list[str] = []
        tag = yield from source.until(self._tags, text.append)
        source.place -= 0 if tag == self.kind[1] else len(tag or "")
        yield from source.skip(SPACE)
        return "".join(text).strip()


def _loose(text: str) -> dict[str, Json]:
    """Arguments written behind a name.

    Raises:
        ValueError: these are none.
    """
    if text.startswith("{"):
        value = decode(text)
        return value if isinstance(value, dict) else {}
    pairs = [each.partition("=") for each in shlex.split(text)]
    if not all(key and sign for key, sign, _ in pairs):
        raise ValueError(f"{shortened(text)} stands where arguments belong")
    return {key: Raw(value) for key, _, value in pairs}
