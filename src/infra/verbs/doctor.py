"""``infra doctor``: what works here, and what is left to do."""

import shutil

from rich.table import Table

from infra import machine, runs
from infra.console import Console
from infra.plugins import registry


def main(arguments: list[str]) -> int:
    """Print machine, engines and runs; says nothing about what is not there to be fixed."""
    console = Console()
    for key, value in machine.describe().items():
        console.out.print(f"{key:<14} {value}", highlight=False)
    console.out.print(_engines())
    _runs(console)
    return 0


def _engines() -> Table:
    table = Table("backend", "state", "versions", "quantization", "reads", box=None)
    for name, offer in registry().offers["infra_backends"].items():
        backend = offer.value
        found = machine.versions(backend.distributions)
        missing = set(backend.distributions) - set(found)
        state = f"pip install 'infra[{backend.extra}]'" if missing else "ready"
        versions = ", ".join(f"{package} {version}" for package, version in found.items())
        schemes = " ".join(sorted(backend.quantizations))
        table.add_row(name, state, versions, schemes, " ".join(backend.formats))
    return table


def _runs(console: Console) -> None:
    root = runs.root()
    console.out.print(f"runs           {root}: {len(runs.folders())}", highlight=False)
    if root.exists():
        free = shutil.disk_usage(root).free
        console.out.print(f"free disk      {free / 1e9:.1f} GB", highlight=False)
    for folder in runs.unfinished():
        console.out.print(
            f"unfinished     {folder.name}: its parent was killed; the next run writes its record",
            highlight=False,
        )
    for plugin in registry().found:
        if plugin.error:
            console.out.print(f"[red]broken plugin[/] {plugin.file}: {plugin.error}")
