"""Hydra, kept behind one door: composes the configuration and turns its errors into sentences."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from infra import runs
from infra.errors import Refused, nearest
from infra.plugins import Registry, bundled
from infra.schema import Config


def run(overrides: list[str], registry: Registry, job: Callable[[Config], None]) -> None:
    """Compose the configuration of ``overrides`` and call ``job``: once, or for each of a sweep.

    Raises:
        Refused: an override that Hydra does not take.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"
    os.environ["INFRA_RUNS"] = str(runs.root())
    import hydra
    from hydra.core.plugins import Plugins
    from omegaconf import DictConfig, OmegaConf

    _store_schema(registry)
    Plugins.instance().register(_search_path(registry))

    @hydra.main(config_path=str(bundled("conf")), config_name="config", version_base="1.3")
    def main(config: DictConfig) -> None:
        job(cast("Config", OmegaConf.to_object(config)))

    with _argv(overrides), _sentences(registry):
        main()


@contextmanager
def _argv(overrides: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, ["infra", *overrides]
    try:
        yield
    finally:
        sys.argv = before


def _store_schema(registry: Registry) -> None:
    """The schema, and a choice ``backend=NAME`` for every backend that brings no file."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="infra_schema", node=Config)
    for name in set(registry.names("infra_backends")) - set(_files("backend", registry)):
        store.store(group="backend", name=name, node={"name": name})


def _search_path(registry: Registry) -> type:
    """Adds the conf/ folders of plugins and the user's own ./conf to Hydra's search path."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class PluginFolders(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            for folder in (*registry.conf_dirs(), Path.cwd() / "conf"):
                if folder.is_dir() and folder != bundled("conf"):
                    search_path.append("infra", f"file://{folder}")

    return PluginFolders


@contextmanager
def _sentences(registry: Registry) -> Iterator[None]:
    """Hydra's and OmegaConf's errors as one sentence each."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise Refused(_sentence(error, registry)) from error


def _sentence(error: BaseException, registry: Registry) -> str:
    text = "\n".join(str(each) for each in _chain(error))
    if found := re.search(r"Could not find '([\w/]+)/([^'/]+)'", text):
        return _unknown_choice(*found.groups(), registry)
    if found := re.search(r"Could not override '([\w.@/]+)'", text):
        return _bad_key(found[1], text)
    if found := re.search(r"Key '([^']+)' (?:is )?not in '(\w+)'", text):
        return _unknown_key(found[1], text)
    if found := re.search(r"Missing mandatory value: ([\w.]+)", text):
        return f"{found[1]} is not set: add {found[1]}=VALUE."
    return " ".join(str(error).split())


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _unknown_choice(group: str, name: str, registry: Registry) -> str:
    return f"No {group} is called {name!r}. {nearest(name, choices(group, registry))}"


def choices(group: str, registry: Registry) -> list[str]:
    """The names that ``group=NAME`` takes."""
    offered = registry.names("infra_backends") if group == "backend" else []
    return sorted({*_files(group, registry), *offered})


def _files(group: str, registry: Registry) -> list[str]:
    folders = [bundled("conf"), *registry.conf_dirs(), Path.cwd() / "conf"]
    return [file.stem for folder in folders for file in (folder / group).glob("*.yaml")]


def _bad_key(key: str, text: str) -> str:
    reason = re.search(r"(Value '.*' (?:of type '\w+' )?could not be converted to \w+)", text)
    if reason:
        return f"{key}: {reason[1]}."
    return _unknown_key(key, text)


def _unknown_key(key: str, text: str) -> str:
    full = re.search(r"full_key: ([\w.]+)", text)
    path = full[1] if full else key
    if "could not be converted" in text:
        value = re.search(r"(Value '.*) could not be converted to (\w+)", text)
        return f"{path}: {value[1]} is no {value[2]}." if value else f"{path} has a wrong type."
    return f"There is no key {path!r}. {nearest(path, known_keys())}"


def known_keys(node: type = Config, prefix: str = "") -> list[str]:
    """Every key of the schema with its dots."""
    found: list[str] = []
    for field in fields(cast("Any", node)):
        kind = field.default_factory if callable(field.default_factory) else None
        name = f"{prefix}{field.name}"
        nested = kind is not None and is_dataclass(kind)
        found += known_keys(cast("type", kind), f"{name}.") if nested else [name]
    return found
