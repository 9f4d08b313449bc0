"""Finds plugins (bundled files, entry points, INFRA_PLUGINS) and asks them for what they offer."""

import functools
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from infra import hookspecs
from infra.errors import Refused, nearest

#: hook -> what each thing that it offers must have
NEEDED = {
    "infra_backends": (
        "distributions", "extra", "formats", "quantizations", "prepare", "convert", "load",
    ),
    "infra_parsers": (
        "names", "family", "source", "think", "matches", "parse", "stream", "grammar",
    ),
    "infra_judges": ("__call__",),
    "infra_metrics": ("compute", "unit", "better"),
    "infra_tools": ("__call__",),
}  # fmt: skip
NOUNS = tuple(NEEDED)
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Found:
    """A plugin: its name, its file, and why it could not be imported, if so."""

    name: str
    file: str
    error: str | None = None

    @property
    def sha256(self) -> str:
        """Of the plugin's Python files, in order of their names."""
        return _sha256(Path(self.file))


@functools.cache
def _sha256(path: Path) -> str:
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.is_file())).hexdigest()


@dataclass(frozen=True)
class Offer:
    """Something a plugin offers under a name."""

    plugin: Found
    value: Any


@dataclass
class Registry:
    """All plugins that were found and what they offer."""

    manager: pluggy.PluginManager
    found: list[Found] = field(default_factory=list)

    @functools.cached_property
    def offers(self) -> dict[str, dict[str, Offer]]:
        """hook -> name -> offer.

        Raises:
            Refused: two plugins claim one name.
        """
        return {noun: self._collect(noun) for noun in NOUNS}

    def _collect(self, noun: str) -> dict[str, Offer]:
        offers: dict[str, Offer] = {}
        for plugin, given in self._ask(noun):
            for name, value in given.items():
                if name in offers:
                    raise Refused(
                        f"Two plugins claim the {noun.removeprefix('infra_')[:-1]} {name!r}: "
                        f"{offers[name].plugin.file} and {plugin.file}. Rename or remove one."
                    )
                offers[name] = Offer(plugin, value)
        return offers

    def _ask(self, noun: str) -> Iterator[tuple[Found, Mapping[str, Any]]]:
        for plugin, hook in self._implementations(noun):
            try:
                yield plugin, _checked(noun, dict(hook()))
            except (Exception, SystemExit) as error:  # a stranger's code may do anything
                broken = replace(plugin, error=f"{noun}: {error!r}")
                self.found[self.found.index(plugin)] = broken

    def _implementations(self, hook: str) -> list[tuple[Found, Callable[..., Any]]]:
        """In the order in which the plugins were found; not called together as pluggy would,
        where one that raises hides the rest."""
        caller = getattr(self.manager.hook, hook)
        found = {impl.plugin_name: _taking(impl) for impl in caller.get_hookimpls()}
        return [(each, found[each.name]) for each in self.found if each.name in found]

    def names(self, noun: str) -> list[str]:
        return sorted(self.offers[noun])

    def get(self, noun: str, name: str) -> Any:
        """What is offered as ``name``.

        Raises:
            Refused: nobody offers it; the sentence names plugins that failed to import.
        """
        if name in self.offers[noun]:
            return self.offers[noun][name].value
        what = noun.removeprefix("infra_")[:-1]
        choices = nearest(name, self.offers[noun])
        raise Refused(f"No {what} is called {name!r}. {choices}{self.broken}")

    @property
    def broken(self) -> str:
        """A sentence that names the plugins that could not be imported, or nothing."""
        files = [f"{plugin.file} ({plugin.error})" for plugin in self.found if plugin.error]
        return f" These plugins could not be imported: {'; '.join(files)}." if files else ""

    def stage(self, stage: str, plan: Any) -> AbstractContextManager[object]:
        """All plugins' ``infra_stage`` around one stage."""
        stack = ExitStack()
        for _, hook in self._implementations("infra_stage"):
            stack.enter_context(contextmanager(hook)(stage=stage, plan=plan))
        return stack

    def recorded(self, record: Any, path: str) -> Iterator[str]:
        """Call every ``infra_recorded``; yields a sentence for each that fails."""
        for plugin, hook in self._implementations("infra_recorded"):
            try:
                hook(record=record, path=path)
            except (Exception, SystemExit) as error:  # a stranger's code may do anything
                yield f"infra_recorded of {plugin.file} failed: {error!r}"

    def conf_dirs(self) -> list[Path]:
        """The conf/ folders that plugins bring."""
        folders = (Path(found.file).parent / "conf" for found in self.found)
        return sorted({folder for folder in folders if folder.is_dir()})


def _taking(impl: pluggy.HookImpl) -> Callable[..., Any]:
    """A hook that is given only the arguments it names, as pluggy does."""
    return lambda **given: impl.function(*(given[name] for name in impl.argnames))


def _checked(noun: str, offered: dict[str, Any]) -> dict[str, Any]:
    for name, value in offered.items():
        lacking = [each for each in NEEDED[noun] if not hasattr(value, each)]
        if lacking:
            raise TypeError(f"{name!r} lacks {', '.join(lacking)}")
    return offered


def bundled(name: str) -> Path:
    """The folder ``conf`` or ``plugins``, in a checkout or inside the wheel."""
    inside = HERE / "_bundled" / name
    return inside if inside.is_dir() else HERE.parents[1] / name


def located(name: str) -> Path:
    """A path as configuration writes it: ``bundled:X`` is below the bundled plugins."""
    if name.startswith("bundled:"):
        return bundled("plugins") / name.removeprefix("bundled:")
    return Path(name).expanduser()


@functools.lru_cache(maxsize=1)
def registry() -> Registry:
    """The plugins of this process, found once."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    result = Registry(manager)
    for folder in [bundled("plugins"), *_user_folders()]:
        for file in sorted(_plugin_files(folder)):
            name = _free(_name(file), manager)
            load = functools.partial(_load, file, name)
            result.found.append(_register(manager, name, str(file), load))
    for entry in entry_points(group=hookspecs.PROJECT):
        name = _free(entry.name, manager)
        result.found.append(_register(manager, name, entry.value, entry.load))
    return result


def _user_folders() -> list[Path]:
    folders = [Path(p) for p in os.environ.get("INFRA_PLUGINS", "").split(os.pathsep) if p]
    for folder in folders:
        if not folder.is_dir():
            raise Refused(f"INFRA_PLUGINS names {folder}, which is no folder.")
    return folders


def _plugin_files(folder: Path) -> Iterator[Path]:
    yield from (file for file in folder.glob("*.py") if not file.name.startswith("_"))
    yield from folder.glob("*/__init__.py")


def _name(file: Path) -> str:
    return file.parent.name if file.name == "__init__.py" else file.stem


def _free(name: str, manager: pluggy.PluginManager) -> str:
    """``name``, or with underscores appended where another plugin has it already."""
    return name if not manager.has_plugin(name) else _free(f"{name}_", manager)


def _register(
    manager: pluggy.PluginManager, name: str, file: str, load: Callable[[], Any]
) -> Found:
    try:
        module = load()
        manager.register(module, name)
    except (Exception, SystemExit) as error:  # a broken plugin is listed, not fatal
        return Found(name, file, f"{type(error).__name__}: {error}")
    return Found(name, getattr(module, "__file__", None) or file)


def _load(file: Path, name: str) -> ModuleType:
    """Import one plugin as ``infra_plugins.NAME``; it is in sys.modules before it runs."""
    sys.modules.setdefault("infra_plugins", ModuleType("infra_plugins")).__path__ = []
    full = f"infra_plugins.{name}"
    locations = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(full, file, submodule_search_locations=locations)
    assert spec
    assert spec.loader
    module = sys.modules[full] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full]
        raise
    return module
