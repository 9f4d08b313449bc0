"""``infra models``: what ``model=NAME`` can be, and what of it is on this disk."""

from pathlib import Path

import yaml

from infra import weights
from infra.configuration.schema import Model
from infra.console import Console
from infra.plugins import bundled, registry
from infra.tables import fitted


def main(arguments: list[str]) -> int:
    """Print the table."""
    header = ["model", "parameters", "experts", "licence", "about", "on disk"]
    rows = [
        [each.name, each.parameters, each.experts, each.licence, each.about, _there(each)]
        for each in entries()
    ]
    out = Console().out
    for table in fitted([header, *rows], out.width):
        out.print(table)
    return 0


def entries() -> list[Model]:
    """The choices of the group ``model``, bundled ones first."""
    folders = [bundled("conf"), *registry().conf_dirs(), Path.cwd() / "conf"]
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("model/*.yaml"))}
    return [model for file in files.values() if (model := _read(file))]


def _read(file: Path) -> Model | None:
    """A file of somebody else's conf/ may be anything."""
    try:
        return Model(**yaml.safe_load(file.read_text()))
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        return None


def _there(model: Model) -> str:
    found = weights.installed(model)
    return ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in found) or "no"
