"""Whether there are texts that parsers of tool calls take long to read.

    python benchmarks/hostile.py [--parsers hermes mistral] [--size 1048576] [--texts 100]

Texts are made of a format's markers, of its examples cut off, and of one thing said again and
again behind them. A ratio is time(size) / time(size / 4): about 4 is linear, 16 is quadratic. Each
text is read at a sixteenth of the size first, at once and in pieces of 16 characters, and at full
size where that looks bad; what still does is shown on stderr. There are up to 4,000 texts a parser,
of which ``--texts`` are drawn (0: all, which takes hours). One Markdown row a parser, its worst.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugins" / "toolcalls"))

from cases import Case
from collected import PARSERS, examples, vocabulary
from parsers import seconds, streamed

SIZE, PIECE, EXAMPLES = 1024 * 1024, 16, 6
#: a ratio beyond this is no longer linear, where the time can be measured at all
LIMIT, MEASURABLE = 7, 0.005
#: what a text may go on with for long
AGAIN = ("[", "{", "(", "<", ">", '"', "'", "\\", '\\"', " ", "\n", "a", "1", ",", ":", "=", "]",
         "}", '{"a":', "[1,", "f(a=", "</", "`")  # fmt: skip


class Hostile(NamedTuple):
    """A beginning, and what follows it until the text is long enough."""

    head: str
    again: str

    def text(self, size: int) -> str:
        return self.head + self.again * (size // len(self.again))


def hostile(name: str, cases: list[Case]) -> Iterator[Hostile]:
    """Texts that may take long."""
    known = vocabulary(name)
    texts = [case.text for case in cases if len(case.text) < 400][:EXAMPLES]
    cut = {text[:at]: None for text in texts for at in _cuts(text, known)}
    yield from (Hostile("", again) for again in [*known, *cut])
    yield from (Hostile("", one + other) for one in known for other in known)
    for head in [*known, *cut]:
        yield from (Hostile(head, again) for again in [*AGAIN, *known])


def _cuts(text: str, known: list[str]) -> list[int]:
    """Where an example is cut off: at its quarters and behind its markers."""
    behind = [text.find(marker) + len(marker) for marker in known if marker in text]
    return sorted({*behind, *(len(text) * part // 4 for part in (1, 2, 3, 4))} - {0})


def ratio(name: str, text: Hostile, size: int) -> tuple[float, float]:
    """The ratio, the larger of at once and in pieces, and the seconds at full size."""
    short, long = text.text(size // 4), text.text(size)
    whole, pieces = PARSERS[name].parse, lambda given: streamed(name, given, PIECE)
    return max(_ratio(whole, short, long), _ratio(pieces, short, long))


def _ratio(read: Callable[[str], object], short: str, long: str) -> tuple[float, float]:
    full = seconds(lambda: read(long))
    if full < MEASURABLE:
        return 0.0, full
    return full / seconds(lambda: read(short), 3), full


def drawn(name: str, cases: list[Case], most: int) -> list[Hostile]:
    """So many of the texts, the same each time; all for 0."""
    texts = list(dict.fromkeys(hostile(name, cases)))
    return random.Random(name).sample(texts, most) if 0 < most < len(texts) else texts


def worst(name: str, texts: list[Hostile], size: int) -> str:
    """A parser's row of the table."""
    found = []
    for text in texts:
        measured = ratio(name, text, size // 16)
        if measured[0] > LIMIT:
            measured = ratio(name, text, size)
        if measured[0] > LIMIT:
            shown = f"{name}: {text.head!r} + {text.again!r} * n"
            print(f"{shown}: {measured[0]:.1f}, {measured[1]:.1f} s", file=sys.stderr, flush=True)
        found.append((*measured, text))
    most, took, text = max(found)
    shown = f"`{text.head[:40]!r} + {text.again[:40]!r} * n`"
    return f"| {name} | {len(texts)} | {most:.1f} | {took:.2f} | {shown} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parsers", nargs="*", default=list(PARSERS), choices=list(PARSERS))
    parser.add_argument("--size", type=int, default=SIZE, help="characters of the longest texts")
    parser.add_argument("--texts", type=int, default=100, help="drawn for each parser; 0: all")
    args = parser.parse_args()
    known = examples()
    print("| parser | texts | worst ratio | s | text |\n|---|---|---|---|---|")
    for name in args.parsers:
        if texts := drawn(name, known[name], args.texts):  # response_template has no format
            print(worst(name, texts, args.size), flush=True)


if __name__ == "__main__":
    main()
