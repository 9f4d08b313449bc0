"""The words that the command line knows: groups, their choices, keys."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from infra.configuration.schema import Config
from infra.plugins import Registry, bundled

#: Hydra's own groups that are of use here
HYDRA_GROUPS = ("hydra/launcher", "hydra/sweeper")


def choices(group: str, registry: Registry) -> list[str]:
    """The names that ``group=NAME`` takes."""
    offered = registry.names("infra_backends") if group == "backend" else []
    offered += _stored(group) if group in HYDRA_GROUPS else []
    return sorted({*files(group, registry), *offered})


def _stored(group: str) -> list[str]:
    """The names of a group that Hydra's plugins bring."""
    from hydra.core.config_store import ConfigStore

    return [Path(name).stem for name in ConfigStore.instance().list(group)]


def files(group: str, registry: Registry) -> list[str]:
    """The names of a group that are files, of infra, of plugins or of ./conf."""
    folders = [bundled("conf"), *registry.conf_dirs(), Path.cwd() / "conf"]
    return [file.stem for folder in folders for file in (folder / group).glob("*.yaml")]


def groups() -> list[str]:
    """The names that come before ``=NAME``."""
    folders = (folder for folder in bundled("conf").iterdir() if folder.is_dir())
    return sorted(folder.name for folder in folders if folder.name != "hydra")


def known_keys(node: type = Config, prefix: str = "") -> list[str]:
    """Every key of the schema with its dots."""
    found: list[str] = []
    for field in fields(cast("Any", node)):
        kind = field.default_factory if callable(field.default_factory) else None
        name = f"{prefix}{field.name}"
        nested = kind is not None and is_dataclass(kind)
        found += known_keys(cast("type", kind), f"{name}.") if nested else [name]
    return found


def plugin_keys() -> list[str]:
    """The keys that Hydra's launchers and sweepers have, whichever of them is chosen."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    nodes = [
        (group.replace("/", "."), store.load(f"{group}/{name}.yaml").node)
        for group in HYDRA_GROUPS
        for name in _stored(group)
    ]
    return [
        f"{prefix}.{key}" for prefix, node in nodes for key in map(str, node) if key != "_target_"
    ]


def hydra_keys() -> list[str]:
    """The keys of Hydra's own configuration."""
    from hydra.conf import HydraConf

    return known_keys(HydraConf, "hydra.")
