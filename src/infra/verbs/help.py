"""``infra --help``: one screen, made of conf/, the keys and the verbs, without importing Hydra;
``infra VERB --help``: what the verb's module says of itself."""

import importlib
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path

from infra import __version__
from infra.cli import VERBS
from infra.configuration import schema
from infra.plugins import bundled

GROUPS = ("model", "backend", "quantization", "experts", "sampling", "prompts", "constraint",
          "tracking", "experiment", "ablation")  # fmt: skip
#: keys that describe a model to people, and those that sweeps set
UNSHOWN = {"about", "licence", "parameters", "experts", "repeat", "sweep", "cell"}
#: characters in a line, on a terminal no more than it has
WIDTH = 100
TOP = """\
infra {version}: which engine, which quantization, how many experts, which sampling?

  python -m infra                                  one run of the bundled model, offline
  python -m infra model=qwen backend=mlx           another model on another engine
  python -m infra prompt="What is 2 + 3?"          one question
  python -m infra -m experts.active=1,2,4          a sweep: one run each

Choices (GROUP=NAME; each is a file in conf/GROUP, your own go into ./conf/GROUP):
{groups}
{keys}
Verbs (python -m infra VERB --help says more):
{verbs}Shell completion: python -m infra -sc install=bash (zsh, fish)\
"""


def main(arguments: list[str]) -> int:
    """Print the page, the version, or what one verb takes."""
    if arguments == ["--version"]:
        print(f"infra {__version__}")
        return 0
    if arguments:
        print(_about(arguments[0]))
        return 0
    groups = "".join(
        f"  {group:<13} {', '.join(_names(group))}\n" for group in GROUPS if _names(group)
    )
    keys = f"Keys (KEY=VALUE): {', '.join(_keys())}. All values: --cfg job\n"
    verbs = "".join(f"  {verb:<13} {about}\n" for verb, (_, about) in VERBS.items())
    print(_fitted(TOP.format(version=__version__, groups=groups, keys=keys, verbs=verbs)))
    return 0


def _about(verb: str) -> str:
    module = importlib.import_module(VERBS[verb][0])
    return _fitted(str(module.__doc__).replace("``", "").strip())


def _fitted(page: str) -> str:
    """The page, its long lines broken between words, what follows indented."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
    return "\n".join(_broken(line, width) for line in page.split("\n"))


def _broken(line: str, width: int) -> str:
    indent = " " * (16 if line.startswith("  ") else 2)
    return textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False)


def _keys() -> Iterator[str]:
    """``load.dtype device …`` for each part of the configuration; what only a file of a group
    gives is left out."""
    for part in fields(schema.Config):
        made = part.default_factory() if part.default_factory is not MISSING else None
        names = [part.name]
        if is_dataclass(made):
            names = [each.name for each in fields(made) if each.default != schema.MISSING]
        shown = " ".join(name for name in names if name not in UNSHOWN)
        if shown:
            yield f"{part.name}.{shown}" if is_dataclass(made) else shown


def _names(group: str) -> list[str]:
    folders = (bundled("conf"), Path("conf"))
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
