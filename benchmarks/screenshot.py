"""Makes docs/mlflow-compare.png: three real runs, a real MLflow server, a real browser.

    python benchmarks/screenshot.py [--runs runs]        # needs the extras all and ui, and chromium

Each engine answers the bundled prompts; then MLflow's page compares the three runs.
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
PICTURE = Path(__file__).parent.parent / "docs" / "mlflow-compare.png"
PORT = 5077
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1800,2000", "--virtual-time-budget=60000",
)  # fmt: skip


def run(engine: str, runs: Path) -> dict[str, str]:
    """One run; gives what ``published.json`` says: the ids that MLflow knows it by."""
    command = [sys.executable, "-m", "infra", f"backend={engine}", "load.dtype=auto"]
    environment = {**os.environ, "INFRA_RUNS": str(runs)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    record = Path(done.stdout.strip().splitlines()[-1])
    mark: dict[str, str] = json.loads((record.parent / "published.json").read_text())
    return mark


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


def shoot(ids: list[str], browser: str) -> None:
    """The comparison page as a PNG."""
    wait(f"http://127.0.0.1:{PORT}/health")
    runs, experiments = json.dumps(ids), json.dumps([experiment_of(ids[0])])
    page = f"/#/compare-runs?runs={quote(runs)}&experiments={quote(experiments)}"
    PICTURE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser, *FLAGS, f"--user-data-dir={profile}", f"--screenshot={PICTURE}",
                f"http://127.0.0.1:{PORT}{page}",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
    print(PICTURE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    root = parser.parse_args().runs.absolute()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("There is no chromium on the PATH.")
    ids = [run(engine, root)["run_id"] for engine in ENGINES]
    command = [*ui_command(root, Tracking("local")), "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            shoot(ids, browser)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
