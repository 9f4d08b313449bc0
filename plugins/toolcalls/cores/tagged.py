"""The core of formats that write each argument as text between tags of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field

from infra.types import Json

from .arguments import Raw, described
from .format import Format
from .json_end import read_json
from .json_text import decode, shortened
from .raw_arguments import SPACE, RawArguments, drop
from .source import Markers, Reading, Source
from .writer import Writer

CDATA = "<![CDATA[", "]]>"


@dataclass(kw_only=True, eq=False)
class Tagged(Format):
    """``OPENER <function=NAME> <parameter=KEY>VALUE</parameter> ... </function> CLOSER``.

    A tag is given by its beginning, as ``<invoke name=``; behind it come the name, in quotes or
    not, perhaps attributes, and ``>``. Where ``openers`` has the beginnings of function tags too,
    the outer tag may be missing. One outer tag may hold several functions.

    Values are literal text; instead of parameters, a function may hold one JSON object.
    """

    family: str = "tagged"
    functions: tuple[str, ...] = ("<function=",)  #: what comes before a function's name
    function_closers: tuple[str, ...] = ("</function>",)
    objects: tuple[str, ...] = ()  #: what may come before the JSON object of all arguments
    object_closers: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ("<parameter=",)  #: what comes before a parameter's name
    parameter_closers: tuple[str, ...] = ("</parameter>",)
    trims: bool = True  #: whether one line break on each side of a value is no part of it
    trims_pairs: bool = False  #: whether it is one only where both sides have it
    text_if: str | None = None  #: the attribute of parameters that are surely text
    cdata: bool = False  #: whether a value may stand between ``<![CDATA[`` and ``]]>``
    wrappers: tuple[str, ...] = ()  #: parameters that may hold all arguments of a tool without them
    tag_end: str = ">"
    tag_start: str = "<"  #: what no name in a tag holds
    escapes: tuple[tuple[str, str], ...] = ()  #: how characters that would end a name are written
    preamble: bool = False  #: whether other text may stand between an opener and a function
    _functions: Markers = field(init=False, repr=False)
    _first: Markers = field(init=False, repr=False)
    _head_end: Markers = field(init=False, repr=False)
    _objects: Markers = field(init=False, repr=False)
    _arguments: RawArguments = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._functions = Markers((*self.functions, *self.function_closers))
        self._first = Markers((*self.functions, *self.openers))
        self._head_end = Markers((self.tag_end, self.tag_start, "\n"))
        self._arguments = RawArguments(
            begins=self.parameters,
            value_closers=self.parameter_closers,
            openers=(*self.openers, *self.functions),
            closers=(*self.function_closers, *self.closers),
            read_one=self._read_parameter,
            dropped=(*self.think, *self.object_closers),
        )
        self._objects = Markers(self.objects)
        self.closers += (*self.function_closers, *self.parameter_closers, *self.object_closers)

    @property
    def values_are_text(self) -> bool:
        return self.text_if is None

    def read_calls(self, source: Source, out: Writer) -> Reading[None]:
        if source.text.endswith(self.functions, 0, source.place):
            tag: str | None = self.functions[0]
        else:
            tag = yield from self._read_first(source)
        if not tag:
            out.problem("A tool call begins, and no tag with a function's name follows.")
        while tag:
            if tag in self.functions:
                yield from self._read_call(source, out)
            yield from source.skip(SPACE)
            tag = yield from source.here(self._functions)

    def _read_first(self, source: Source) -> Reading[str | None]:
        """Read the tag that the calls begin with, from behind an opener."""
        yield from source.skip(SPACE)
        if not self.preamble:
            return (yield from source.here(self._functions))
        source.mark()
        tag = yield from source.until(self._first, drop)
        if tag in self.functions:
            source.taken()
            return tag
        source.back()
        return None

    def _read_call(self, source: Source, out: Writer) -> Reading[None]:
        """Read up to the tag that ends the call."""
        try:
            written, _ = yield from self._read_head(source, out.knows)
            name = self.meant(written, out)
            yield from source.skip(SPACE)
            if (yield from source.here(self._objects)):
                yield from source.until(self._head_end, drop)
            is_json = (yield from source.skip(SPACE)) == "{"
            given = (yield from _read_object(source)) if is_json else None
            arguments = yield from self._arguments.read(source, out, name, given)
        except ValueError as error:
            out.problem(f"A tool call is broken: {error}.")
            tag = yield from source.until(self._arguments.ends, drop)
            source.place -= len(tag or "")
        else:
            out.call(name, out.unwrapped(name, arguments, self.wrappers))

    def meant(self, name: str, out: Writer) -> str:
        """The function that a name in a tag stands for."""
        return name

    def _read_parameter(self, source: Source, out: Writer, name: str) -> Reading[tuple[str, Json]]:
        schema = out.schema(name)
        key, attributes = yield from self._read_head(source, lambda key: described(key, schema))
        value = yield from self._arguments.value(source, key)
        if self.cdata and value.strip().startswith(CDATA[0]) and value.strip().endswith(CDATA[1]):
            value = value.strip().removeprefix(CDATA[0]).removesuffix(CDATA[1])
            value = value.replace(CDATA[1] + CDATA[0], "")  # how XML writes its end inside
        elif self.trims and (not self.trims_pairs or (value[:1] == value[-1:] == "\n")):
            value = value.removeprefix("\n").removesuffix("\n")
        is_text = self.text_if is not None and self.text_if in attributes
        return key, value if is_text else Raw(value)

    def _read_head(self, source: Source, known: Callable[[str], bool]) -> Reading[tuple[str, str]]:
        """The name in an opening tag, read through its end, and the attributes behind it. A known
        name may end with its line.

        Raises:
            ValueError: it has no name or no end.
        """
        text: list[str] = []
        end = yield from source.until(self._head_end, text.append)
        head = "".join(text).strip()
        if end == "\n" and known(head):
            return head, ""
        if end != self.tag_end or not head:
            source.place -= len(end or "")
            raise ValueError(f"its tag goes on with {shortened(head + (end or ''))}, not a name")
        quote = head[0]
        if quote in "'\"" and quote in head[1:]:
            name, _, attributes = head[1:].partition(quote)
            for written, character in self.escapes:
                name = name.replace(written, character)
            if not name:
                raise ValueError("a tag has an empty name")
            return name, attributes
        return head, ""


def _read_object(source: Source) -> Reading[dict[str, Json]]:
    source.mark()
    try:
        text = yield from read_json(source)
    except ValueError:
        source.back()
        raise
    value = decode(text)
    assert isinstance(value, dict)
    return value
