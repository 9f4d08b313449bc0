"""``infra doctor``: what works here, and what is left to do."""

import platform
import shutil
from pathlib import Path

from infra import runs
from infra.console import Console
from infra.plugins import registry
from infra.resources import machine
from infra.tables import fitted


def main(arguments: list[str]) -> int:
    """Print machine, devices, engines, runs and broken plugins."""
    console = Console()
    known = machine.describe()
    memory = f"{known['memory'] / 1e9:.1f} GB"
    facts = {**known, "memory": memory, "devices": ", ".join(devices()), **_runs()}
    for key, value in facts.items():
        console.out.print(f"{key:<14} {value}")
    for table in fitted(_engines(), console.out.width):
        console.out.print(table)
    for folder in runs.unfinished():
        console.out.print(f"unfinished     {folder.name}: infra results writes its record")
    for folder, why in runs.lost():
        console.out.print(f"lost           {folder.name}: {why}; to try again, delete {runs.LOST}")
    for plugin in registry().found:
        if plugin.error:
            console.out.print(f"broken plugin  {plugin.file}: {plugin.error}")
    return 0


def devices() -> list[str]:
    """What the system says is there; whether an engine can use it shows when it loads."""
    nvidia = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    models = [line for file in nvidia for line in file.read_text().splitlines() if "Model" in line]
    found = ["cpu", *(line.partition(":")[2].strip() for line in models)]
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        found.append("metal")
    return found


def _engines() -> list[list[str]]:
    rows = [["backend", "state", "versions", "quantization", "reads"]]
    for name, offer in registry().offers["infra_backends"].items():
        backend = offer.value
        found = machine.versions(backend.distributions)
        missing = set(backend.distributions) - set(found)
        state = f"pip install 'infra[{backend.extra}]'" if missing else "ready"
        versions = ", ".join(f"{package} {version}" for package, version in found.items())
        schemes = " ".join(sorted(backend.quantizations))
        rows.append([name, state, versions, schemes, " ".join(backend.formats)])
    return rows


def _runs() -> dict[str, str]:
    root = runs.root()
    there = f"{root}: {len(runs.folders())}"
    if not root.exists():
        return {"runs": there}
    return {"runs": there, "free disk": f"{shutil.disk_usage(root).free / 1e9:.1f} GB"}
