"""What the code imports is what an installation brings."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from infra.plugins import bundled

ROOT = bundled("conf").parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
#: modules of src/ that need an extra at once, and are imported only where it is there
LATE = {"grammars.py", "guide.py", "matcher.py"}
#: a plugin's folder -> extras that its modules may import
PLUGINS = {
    "transformers": {"transformers"},
    "mlx": {"mlx"},
    "llama_cpp": {"llama-cpp"},
    "tiny_moe": {"transformers", "dev"},  # its training and its export are for developers
}
#: our own packages
OWN = {"infra", "infra_plugins", "hydra_plugins"}


def canonical(name: str) -> str:
    """``json_repair>=0.30`` -> ``json-repair``."""
    return re.split(r"[^\w.-]", name.strip(), maxsplit=1)[0].lower().replace("_", "-")


@cache
def brought(requirements: tuple[str, ...]) -> frozenset[str]:
    """The distributions named, and those that they cannot do without."""
    found = set()
    for name in map(canonical, requirements):
        found.add(name)
        try:
            needs = [each for each in requires(name) or () if "extra ==" not in each]
        except PackageNotFoundError:
            continue
        found.update(map(canonical, needs))
    return frozenset(found)


def with_extras(names: set[str]) -> frozenset[str]:
    extras = [each for name in names for each in EXTRAS[name]]
    return brought((*PROJECT["dependencies"], *extras))


def imports(tree: ast.AST, at_once: bool = False) -> Iterator[str]:
    """Top-level names of the modules imported, only for types left out; ``at_once``: by importing
    the module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
        elif not (at_once and isinstance(node, ast.FunctionDef)):
            yield from imports(node, at_once)


#: of each importable name; asked once, as it reads all that is installed
distributions = cache(packages_distributions)


def undeclared(file: Path, allowed: frozenset[str], at_once: bool = False) -> set[str]:
    names = set(imports(ast.parse(file.read_text()), at_once)) - OWN - set(sys.stdlib_module_names)
    if file.parent.name == "tiny_moe":  # its scripts import one another
        names -= {each.stem for each in file.parent.glob("*.py")}
    known = distributions()
    return {name for name in names if allowed.isdisjoint(map(canonical, known.get(name, [name])))}


def test_every_import_of_the_kernel_is_declared() -> None:
    extras = with_extras(set(EXTRAS) - {"dev"})
    for file in (ROOT / "src").rglob("*.py"):
        assert not undeclared(file, extras), file
        if file.name not in LATE:
            assert not undeclared(file, with_extras(set()), at_once=True), file


def test_every_import_of_a_plugin_is_declared_by_its_extra() -> None:
    for file in (ROOT / "plugins").rglob("*.py"):
        folder = file.relative_to(ROOT / "plugins").parts[0]
        assert not undeclared(file, with_extras(PLUGINS.get(folder, set()))), file


def test_a_gguf_is_read_without_any_extra() -> None:
    """By the modules that weights are described with."""
    for file in (ROOT / "src" / "infra" / "weights").glob("*.py"):
        assert not undeclared(file, with_extras(set())), file
