"""``infra plugins``: what is registered, by whom, and what failed."""

from rich.text import Text

from infra.console import Console
from infra.plugins import NOUNS, registry
from infra.tables import fitted


def main(arguments: list[str]) -> int:
    """Print the tables; broken plugins are listed, not fatal."""
    console, found = Console(), registry()
    rows = [
        [name, noun, offer.plugin.name, str(offer.plugin.file)]
        for noun in NOUNS
        for name, offer in sorted(found.offers[noun].items())
    ]
    for table in fitted([["name", "hook", "plugin", "file"], *rows], console.out.width):
        console.out.print(table)
    for plugin in found.found:
        if plugin.error:
            console.out.print(Text(f"broken {plugin.file}: {plugin.error}", style="red"))
    return 0
