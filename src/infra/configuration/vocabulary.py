"""The words that the command line knows: groups, their choices, keys."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from infra.configuration.schema import Config
from infra.plugins import Registry, bundled


def choices(group: str, registry: Registry) -> list[str]:
    """The names that ``group=NAME`` takes."""
    offered = registry.names("infra_backends") if group == "backend" else []
    return sorted({*files(group, registry), *offered})


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


def hydra_keys() -> list[str]:
    """The keys of Hydra's own configuration."""
    from hydra.conf import HydraConf

    return known_keys(HydraConf, "hydra.")
