"""Harmony's messages as some decoders leave them, without any of their markers:

analysisHm.assistantcommentary to=functions.get_weather json{"city": "Oslo"}
"""

import re
from collections.abc import Callable

from .json_call import SPACE, read_call
from .json_text import shortened
from .python_text import ahead, read_run
from .source import Markers, Reading, Source
from .writer import Writer

#: how such a text begins: with a channel that no sentence goes on from, or with a recipient
BEGINS = re.compile(
    r"(?:analysis|commentary|final)(?= to=|[^\s\w.,:;'\u2019<-]|[A-Z0-9])|(?= ?to=functions\.)"
    r"|assistant(?:analysis|commentary|final)"
)
#: how sentences begin too, unless another message follows
MAY_BEGIN = re.compile(r"(?:analysis|commentary) ")
LONGEST = len("commentary to=functions.")
#: how any other message begins
NEXT = ("assistantanalysis", "assistantcommentary", "assistantfinal", "assistant to=")
TO = re.compile(r" ?to=")
RECIPIENT = re.compile(r"[^\s{<]*")
CHANNEL = re.compile(r"(?:analysis|commentary)\Z")
CONTENT_TYPE = Markers(("json", "code"))


def read_bare(source: Source, out: Writer, markers: tuple[str, ...]) -> Reading[bool]:
    """Read a text that begins in this way up to one of ``markers``; whether it does."""
    first = yield from ahead(source, LONGEST)
    begins = BEGINS.match(first)
    if begins is None and (may := MAY_BEGIN.match(first)) and (yield from _goes_on(source)):
        begins = may
    if begins is None:
        return False
    source.mark()
    source.place += begins.end()
    message, ends = begins.group().strip(), Markers((*NEXT, *markers))
    name = yield from _read_recipient(message, source)
    if name and (yield from ahead(source, 1)) != "{":
        source.back()
        return False
    source.taken()
    yield from _read_body(message, name, ends, source, out)
    while (marker := (yield from source.until(ends, _teller(message, out)))) in NEXT:
        message = str(marker)
        name = yield from _read_recipient(message, source)
        yield from _read_body(message, name, ends, source, out)
    source.place -= len(marker or "")
    return True


def _goes_on(source: Source) -> Reading[bool]:
    """Whether another message follows; nothing is read."""
    source.mark()
    found = yield from source.until(Markers(NEXT), lambda _: None)
    source.back()
    return found is not None


def _read_recipient(begin: str, source: Source) -> Reading[str]:
    """Read what stands between the beginning of a message and its body, and return the name in
    it, which a channel may follow that has not been named."""
    to = TO.match((yield from ahead(source, len(" to="))))
    source.place += to.end() if to else 0
    if not to and not begin.endswith("to="):
        return ""
    name = yield from read_run(source, RECIPIENT)
    yield from source.skip(SPACE)
    yield from source.here(CONTENT_TYPE)
    yield from source.skip(SPACE)
    return (name if CHANNEL.search(begin) else CHANNEL.sub("", name)).removeprefix("functions.")


def _read_body(begin: str, name: str, ends: Markers, source: Source, out: Writer) -> Reading[None]:
    _teller(begin, out)("\n")  # messages are separate texts
    if name and (yield from ahead(source, 1)) == "{":
        yield from read_call(name, source, out, ends)
    elif name:
        out.problem(f"The arguments of {shortened(name)} are no JSON object.")


def _teller(begin: str, out: Writer) -> Callable[[str], None]:
    return out.reasoning if begin.endswith("analysis") else out.content
