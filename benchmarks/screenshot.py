"""Makes docs/mlflow-compare.png and docs/mlflow-sweep.png: real runs, a real MLflow server, a real
browser.

    python benchmarks/screenshot.py [--runs runs]        # needs the extras all and ui, and chromium

Each engine answers the bundled prompts, and a sweep asks for three K and three quantizations; then
MLflow's page compares the three runs, and those of the sweep.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

from infra.plan import Tracking
from infra.tracking import ui_command

ENGINES = ("transformers", "llama_cpp", "mlx")
SWEEP = (
    "-m", "backend=llama_cpp", "experts.active=1,2,4", "quantization=none,q4,q2", "prompts=hard",
    "prompts.limit=20",
)  # fmt: skip
DOCS = Path(__file__).parent.parent / "docs"
PORT = 5077
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1800,2000", "--virtual-time-budget=60000",
)  # fmt: skip


def run(*arguments: str, runs: Path) -> Path:
    """The folder of one run, or of one sweep."""
    command = [sys.executable, "-m", "infra", *arguments]
    environment = {**os.environ, "INFRA_RUNS": str(runs)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return Path(done.stdout.strip().splitlines()[-1]).parent


def id_of(folder: Path) -> str:
    """What MLflow knows a run by."""
    mark = json.loads((folder / "published.json").read_text())
    return str(mark["run_id"])


def runs_of(sweep: Path) -> list[Path]:
    """The folders of a sweep's runs."""
    found = sorted(sweep.parents[1].glob("*/record.json"))
    return [p.parent for p in found if json.loads(p.read_text())["plan"]["sweep"] == sweep.name]


def wait(url: str) -> None:
    """Until the server answers."""
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # our own, on loopback
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"{url} does not answer.")


def experiment_of(run_id: str) -> str:
    request = f"http://127.0.0.1:{PORT}/api/2.0/mlflow/runs/get?run_id={run_id}"
    with urllib.request.urlopen(request) as answer:  # our own, on loopback
        found: str = json.load(answer)["run"]["info"]["experiment_id"]
    return found


def shoot(ids: list[str], picture: Path, browser: str) -> None:
    """The page that compares these runs, as a PNG."""
    wait(f"http://127.0.0.1:{PORT}/health")
    runs, experiments = json.dumps(ids), json.dumps([experiment_of(ids[0])])
    page = f"/#/compare-runs?runs={quote(runs)}&experiments={quote(experiments)}"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser, *FLAGS, f"--user-data-dir={profile}", f"--screenshot={picture}",
                f"http://127.0.0.1:{PORT}{page}",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
    print(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    root = parser.parse_args().runs.absolute()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("There is no chromium on the PATH.")
    engines = [run(f"backend={each}", "load.dtype=auto", runs=root) for each in ENGINES]
    swept = runs_of(run(*SWEEP, runs=root))
    command = [*ui_command(root, Tracking("local")), "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            shoot([id_of(each) for each in engines], DOCS / "mlflow-compare.png", browser)
            shoot([id_of(each) for each in swept], DOCS / "mlflow-sweep.png", browser)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
