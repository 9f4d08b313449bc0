"""The examples of all formats, from the modules beside this one."""

import importlib
from collections import defaultdict
from pathlib import Path

from cases import Case

from infra.calls.parsers import offered
from infra.plugins import registry
from infra.protocols import Parser

PARSERS: dict[str, Parser] = offered(registry())


def examples() -> dict[str, list[Case]]:
    """Parser -> its examples, under the name that ``PARSERS`` has for it."""
    names = {id(parser): name for name, parser in PARSERS.items()}
    found = defaultdict[str, list[Case]](list)
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for case in getattr(importlib.import_module(file.stem), "CASES", ()):
            found[names[id(registry().get("infra_parsers", case.parser))]].append(case)
    return found


def markers(name: str) -> list[str]:
    """What a parser's texts are made of, as far as it says so."""
    parser = PARSERS[name]
    given = [getattr(parser, key, ()) for key in ("openers", "closers", "think")]
    return [marker for several in given for marker in several if marker]


def vocabulary(name: str) -> list[str]:
    """All literal strings that a format is defined by, markers first."""
    given = vars(PARSERS[name]).items()
    others = (each for key, each in given if key not in ("names", "template_has", "template_lacks"))
    tuples = [each for each in others if isinstance(each, tuple)]
    literals = [each for several in tuples for each in several if isinstance(each, str) and each]
    return list(dict.fromkeys([*markers(name), *literals]))
