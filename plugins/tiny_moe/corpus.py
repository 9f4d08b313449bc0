"""The synthetic tool-calling corpus: what tiny-moe was trained on, and what it is judged on.

    python plugins/tiny_moe/corpus.py --seed 7 --n 300          # held-out prompts, as JSON lines
    python plugins/tiny_moe/corpus.py --seed 7 --n 300 --hard   # more tools, longer values

Each line is a prompt in infra's format (``id``, ``messages``, ``tools``, ``expected``). Training
and held-out prompts differ in their sentences (phrasings.py) and in their values: a hash of each
word or number decides on which side it lives, so no list has to be kept and any seed is fair.
"""

import argparse
import json
import random
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from phrasings import HELD_OUT, JOIN, PAIRS, REFUSAL, REQUEST, RESULTS, TALK, TRAIN
from tools import CURRENCIES, DAYS, TOOLS, UNITS

CONSONANTS = (
    "b bl br c ch d dr f fl g gr h j k kr l m n p pl qu r s sh sl st t th tr v w y z".split()
)
VOWELS = "a a e e i i o o u ai ea ou ee".split()
CODAS = ["", "", "", "n", "r", "l", "s", "m", "t", "nd", "ck"]
FAMILIAR = (
    "Paris London Tokyo Berlin Madrid Rome Oslo Lima Cairo Delhi Seoul Sydney Boston Chicago "
    "Austin Denver Miami Dublin Vienna Prague Athens Lisbon Moscow Nairobi Toronto Beijing "
    "Alice Bob Carol Dave Erin Frank Grace Heidi Ivan Judy Anna Ben Clara Emma Felix Laura "
    "Oscar Peter Sofia Tom"
).split()
COMMON = (
    "see you soon late call me back happy birthday meeting moved lunch noon train dinner "
    "tonight home work tea pasta bread milk sun rain summer winter blue red green night day "
    "love river road time good news door open car key house garden party doctor report team "
    "plan coffee music dance"
).split()


def is_held_out(value: str) -> bool:
    """Whether a word or number is kept out of training (one in five is)."""
    return zlib.crc32(value.lower().encode()) % 5 == 0


@dataclass(frozen=True)
class Style:
    """What prompts look like on one side of the split; lengths are inclusive ranges."""

    held_out: bool = False
    tools: tuple[int, int] = (2, 5)
    syllables: tuple[int, int] = (1, 3)
    words: tuple[int, int] = (1, 4)
    digits: tuple[int, int] = (1, 5)

    @property
    def side(self) -> str:
        return "held_out" if self.held_out else "train"

    @property
    def requests(self) -> dict[str, list[str]]:
        return HELD_OUT if self.held_out else TRAIN


TRAINING = Style()
EASY = Style(held_out=True)
HARD = Style(held_out=True, tools=(8, 8), syllables=(3, 5), words=(3, 6), digits=(5, 8))


@dataclass(frozen=True)
class Turn:
    """One question, the answer, and what follows once the tools have answered."""

    question: str
    calls: list[dict[str, Any]] = field(default_factory=list)
    answer: str = ""
    values: tuple[str, ...] = ()
    phrasing: str = ""


class Sampler:
    """Draws prompts of one style; equal seeds draw equal prompts."""

    def __init__(self, rng: random.Random, style: Style) -> None:
        self.rng, self.style = rng, style

    def _accepted(self, draw: Callable[[], str]) -> str:
        while is_held_out(value := draw()) is not self.style.held_out:
            pass
        return value

    def _invented(self) -> str:
        count = self.rng.randint(*self.style.syllables)
        start = "".join(self.rng.choice(CONSONANTS) + self.rng.choice(VOWELS) for _ in range(count))
        return start + self.rng.choice(CODAS)

    def word(self) -> str:
        """One lower-case word: invented, or one in eight a common one."""
        common = self.rng.random() < 0.125 and self.style.syllables == TRAINING.syllables
        return self._accepted(lambda: self.rng.choice(COMMON) if common else self._invented())

    def name(self) -> str:
        """A capitalized name: of a city or a person, seldom of two words."""
        if self.rng.random() < 0.125 and self.style.syllables == TRAINING.syllables:
            return self._accepted(lambda: self.rng.choice(FAMILIAR))
        count = 2 if self.rng.random() < 0.12 else 1
        return " ".join(self.word().capitalize() for _ in range(count))

    def text(self) -> str:
        """Some lower-case words, e.g. a message."""
        return " ".join(self.word() for _ in range(self.rng.randint(*self.style.words)))

    def title(self) -> str:
        """A text that is often capitalized, e.g. of a song."""
        text = self.text()
        return text.title() if self.rng.random() < 0.5 else text

    def number(self, most_digits: int = 9) -> int:
        """A positive integer without leading zeros."""
        low, high = (min(d, most_digits) for d in self.style.digits)

        def draw() -> str:
            digits = self.rng.randint(low, high)
            return str(self.rng.randrange(10 ** (digits - 1), 10**digits))

        return int(self._accepted(draw))

    def arguments(self, tool: str) -> dict[str, Any]:
        """A value for every property of ``tool``, in schema order."""
        two = self.rng.sample(CURRENCIES, 2)
        draw: dict[str, Callable[[], Any]] = {
            "city": self.name, "unit": lambda: self.rng.choice(UNITS),
            "a": self.number, "b": self.number,
            "to": self.name, "text": self.text,
            "minutes": lambda: self.number(3), "label": self.text,
            "origin": self.name, "destination": self.name,
            "passengers": lambda: self.rng.randint(2, 9),
            "title": self.title, "artist": self.name,
            "day": lambda: self.rng.choice(DAYS), "hour": lambda: self.rng.randint(7, 22),
            "amount": self.number, "source": lambda: two[0], "target": lambda: two[1],
        }  # fmt: skip
        return {key: draw[key]() for key in TOOLS[tool]["function"]["parameters"]["properties"]}

    def request(self, tool: str, imperative: bool = False) -> tuple[str, dict[str, Any], str]:
        """A sentence that asks for ``tool``, the call it means, and its template."""
        choices = self.style.requests[tool]
        template = self.rng.choice([c for c in choices if not (imperative and c.endswith("?"))])
        arguments = self.arguments(tool)
        optional = re.search(r"\[.*\{(\w+)\}.*\]", template)
        if optional and self.rng.random() < 0.5:
            text = template.replace(optional[0], "")
        else:
            text = template.replace("[", "").replace("]", "")
        given = {key: value for key, value in arguments.items() if f"{{{key}}}" in text}
        return text.format(**given), {"name": tool, "arguments": given}, template

    def wrapped(self, sentence: str) -> str:
        """An imperative as a person would say it; a question is left alone."""
        if sentence.endswith("?"):
            return sentence
        text = self.rng.choice(REQUEST[self.style.side]).format(c=sentence)
        return text[0].upper() + text[1:]

    def asks_one(self, offered: list[str]) -> Turn:
        sentence, call, phrasing = self.request(self.rng.choice(offered))
        return Turn(self.wrapped(sentence), [call], values=_values([call]), phrasing=phrasing)

    def asks_two(self, offered: list[str]) -> Turn:
        if "get_weather" in offered and self.rng.random() < 0.3:
            phrasing = self.rng.choice(PAIRS[self.style.side])
            cities = [self.name(), self.name()]
            calls = [{"name": "get_weather", "arguments": {"city": city}} for city in cities]
            return Turn(phrasing.format(*cities), calls, values=tuple(cities), phrasing=phrasing)
        (x, first, one), (y, second, two) = (
            self.request(self.rng.choice(offered), imperative=True) for _ in range(2)
        )
        joined = self.rng.choice(JOIN[self.style.side]).format(x=x, y=y)
        calls = [first, second]
        return Turn(self.wrapped(joined), calls, values=_values(calls), phrasing=f"{one}|{two}")

    def asks_nothing(self, offered: list[str]) -> Turn:
        phrasing, answer = self.rng.choice(TALK[self.style.side])
        name = self.name()
        values = (name,) if "{name}" in phrasing else ()
        return Turn(
            phrasing.format(name=name), answer=answer.format(name=name), values=values,
            phrasing=phrasing,
        )  # fmt: skip

    def asks_in_vain(self, offered: list[str]) -> Turn:
        missing = [tool for tool in TOOLS if tool not in offered]
        if not missing:
            return self.asks_nothing(offered)
        sentence, call, phrasing = self.request(self.rng.choice(missing))
        return Turn(
            self.wrapped(sentence), answer=REFUSAL, values=_values([call]), phrasing=phrasing
        )

    def turn(self, offered: list[str]) -> Turn:
        """60 % one call, 22 % two, 10 % small talk, 8 % a request for a tool that is not offered
        (18 % in training, as that is learned last)."""
        kinds = [self.asks_one, self.asks_two, self.asks_nothing, self.asks_in_vain]
        shares = [60, 22, 10, 8] if self.style.held_out else [52, 22, 8, 18]
        return self.rng.choices(kinds, shares)[0](offered)

    def offered(self) -> list[str]:
        """The names of the tools on offer, in random order."""
        return self.rng.sample(list(TOOLS), self.rng.randint(*self.style.tools))

    def result(self, call: dict[str, Any]) -> tuple[str, str]:
        """What a tool returns for ``call`` and the sentence that tells the person."""
        returned, said = RESULTS[call["name"]]
        n = self.rng.randint(2, 99)
        return returned.format(n=n), said.format(n=n, **call["arguments"])


def _values(calls: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(str(value) for call in calls for value in call["arguments"].values())


def prompts(seed: int, n: int, style: Style) -> Iterator[dict[str, Any]]:
    """``n`` prompts as rows of infra's prompts format."""
    sampler = Sampler(random.Random(seed), style)
    for index in range(n):
        offered = sampler.offered()
        turn = sampler.turn(offered)
        yield {
            "id": f"{style.side}-{seed}-{index}",
            "messages": [{"role": "user", "content": turn.question}],
            "tools": [TOOLS[name] for name in offered],
            "expected": turn.calls,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--hard", action="store_true", help="more tools, longer values and numbers")
    args = parser.parse_args()
    for row in prompts(args.seed, args.n, HARD if args.hard else EASY):
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
