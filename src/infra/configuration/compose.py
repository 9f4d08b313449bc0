"""Hydra, kept behind one door: composes the configuration and turns its errors into sentences."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from infra import runs
from infra.configuration.arguments import OPTIONAL, prepared
from infra.configuration.schema import Config
from infra.configuration.sentences import sentence
from infra.configuration.vocabulary import files, hydra_keys, known_keys
from infra.errors import Refused, nearest
from infra.plugins import Registry, bundled, registry

if TYPE_CHECKING:
    from omegaconf import DictConfig


def run(arguments: list[str], task: Callable[["DictConfig"], Any]) -> None:
    """Compose the configuration of ``arguments`` and call ``task``: once, or for each of a sweep.

    ``task`` is a module's own function, so that a worker finds it by its name.

    Raises:
        Refused: an argument that Hydra does not take.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"
    os.environ["INFRA_RUNS"] = str(runs.root())
    import hydra
    from hydra.core.plugins import Plugins

    _store_schema(registry())
    Plugins.instance().register(_search_path())
    main = hydra.main(config_path=str(bundled("conf")), config_name="config", version_base="1.3")
    with _argv(prepared(arguments)), _sentences(registry()):
        main(task)()


def typed(config: "DictConfig") -> Config:
    """The configuration as the schema has it.

    Raises:
        Refused: a key that nothing reads, a missing value or a wrong one.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        _check_keys(OmegaConf.to_container(config))
        return cast("Config", OmegaConf.to_object(config))
    except OmegaConfBaseException as error:
        raise Refused(sentence(error, registry())) from error


def _check_keys(config: Any) -> None:
    """Refuse keys that ``+key=value`` has added beside the schema, as nothing would read them."""
    known = known_keys()
    for key in _keys(config):
        if key not in known and not key.startswith("model.sources."):
            raise Refused(f"There is no key {key!r}. {nearest(key, known)}")


def check_hydra(hydra: Any) -> None:
    """Refuse what ``+hydra.key=value`` has added beside Hydra's own keys."""
    from omegaconf import OmegaConf

    known = hydra_keys()
    for key in _keys(OmegaConf.to_container(hydra, resolve=False), "hydra."):
        if not any(f"{key}.".startswith(f"{each}.") for each in known):
            raise Refused(f"There is no key {key!r}. {nearest(key, known)}")


def _keys(config: Any, prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{prefix}{key}.")
        elif value != {}:
            yield f"{prefix}{key}"


@contextmanager
def _argv(overrides: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, ["infra", *overrides]
    try:
        yield
    finally:
        sys.argv = before


def _store_schema(registry: Registry) -> None:
    """The schema, a choice ``backend=NAME`` for every backend that brings no file, and
    ``experiment=null``, which is the default and may be said."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="infra_schema", node=Config)
    for name in set(registry.names("infra_backends")) - set(files("backend", registry)):
        store.store(group="backend", name=name, node={"name": name})
    for group in OPTIONAL:
        store.store(group=group, name="null", node={}, package="_global_")


def _search_path() -> type:
    """Adds the conf/ folders of plugins and the user's own ./conf to Hydra's search path."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class PluginFolders(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            for folder in (*registry().conf_dirs(), Path.cwd() / "conf"):
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
        raise Refused(sentence(error, registry)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refused(f"A file in ./conf cannot be read: {' '.join(str(error).split())}") from error
    except ValueError as error:
        if "Config group override" not in str(error):
            raise
        raise Refused(f"A group needs a name, as in backend=mlx: {error}.") from error
