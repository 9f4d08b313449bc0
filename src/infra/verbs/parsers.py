"""``infra parsers [--markdown]``: the formats of tool calls that can be read, and where each is
defined. Any of the names is good for ``tools.parser`` and ``infra parse``; ``--markdown`` prints
the table of the README.
"""

from infra.calls.parsers import offered
from infra.console import Console
from infra.errors import Refused
from infra.plugins import registry
from infra.tables import fitted

HEADER = ("parser", "also called", "family", "defined in")


def main(arguments: list[str]) -> int:
    """Print the table."""
    if arguments == ["--markdown"]:
        print(markdown())
        return 0
    if arguments:
        raise Refused("parsers takes nothing, or --markdown for the table of the README.")
    out = Console().out
    for table in fitted([HEADER, *rows()], out.width):
        out.print(table)
    return 0


def rows() -> list[tuple[str, str, str, str]]:
    """Name, aliases, family and source of each parser, by name."""
    offers = registry().offers["infra_parsers"]
    return [
        (
            name,
            ", ".join(n for n, offer in offers.items() if offer.value is parser and n != name),
            parser.family,
            parser.source,
        )
        for name, parser in sorted(offered(registry()).items())
    ]


def markdown() -> str:
    """The table as the README has it, each name a link to where its format is defined."""
    lines = ["| parser | also called | family |", "|---|---|---|"]
    for name, aliases, family, source in rows():
        lines.append(f"| [{name}]({source}) | {aliases} | {family} |")
    return "\n".join(lines)
