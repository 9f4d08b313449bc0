"""Makes docs/mlflow-compare.png and docs/mlflow-sweep.png: real runs, a real MLflow server, a real
browser.

    python benchmarks/screenshot.py [--runs runs]        # needs the extras all and ui, and chromium

Each engine answers the bundled prompts, and a sweep asks for three K and three quantizations; then
MLflow's page compares the three runs, and those of the sweep.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from infra.plan import Tracking
from infra.tracking import ui_command

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import chromium

ENGINES = ("transformers", "llama_cpp", "mlx")
SWEEP = (
    "-m", "backend=llama_cpp", "experts.active=1,2,4", "quantization=none,q4,q2", "prompts=hard",
    "prompts.limit=20",
)  # fmt: skip
DOCS = Path(__file__).parent.parent / "docs"
PORT = 5077
SERVER = f"http://127.0.0.1:{PORT}"
SIZE = (1800, 1400)
#: what the lines lead to; the last one gives them their colour
METRICS = ("peak_memory", "tool_call_exact", "decode_tps")
#: MLflow's assistant opens by itself on a first visit
NO_ASSISTANT = """
    localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
    localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
"""
FIELDS = "document.querySelectorAll('[role=combobox]')"
BACKSPACE, ENTER, ESCAPE = ("Backspace", 8), ("Enter", 13), ("Escape", 27)


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


def until(holds: Callable[[], object], what: str) -> None:
    """Wait until something is so, at most two minutes."""
    for _ in range(240):
        if holds():
            return
        time.sleep(0.5)
    raise SystemExit(f"Waited in vain: {what}.")


def answers() -> bool:
    """Whether the server does."""
    try:
        with urllib.request.urlopen(f"{SERVER}/health", timeout=2):  # noqa: S310  # on loopback
            return True
    except OSError:
        return False


def experiment_of(run_id: str) -> str:
    request = f"{SERVER}/api/2.0/mlflow/runs/get?run_id={run_id}"
    with urllib.request.urlopen(request) as answer:  # noqa: S310  # on loopback
        found: str = json.load(answer)["run"]["info"]["experiment_id"]
    return found


def shoot(ids: list[str], picture: Path, program: str) -> None:
    """The page that compares these runs by METRICS, as a PNG."""
    until(answers, "the server answers")
    runs, experiments = json.dumps(ids), json.dumps([experiment_of(ids[0])])
    with chromium.opened(program) as page:
        page.show(*SIZE, "light")
        page.open(SERVER)
        page.evaluate(NO_ASSISTANT)
        page.open(f"{SERVER}/?#/compare-runs?runs={quote(runs)}&experiments={quote(experiments)}")
        until(lambda: page.evaluate(f"{FIELDS}.length") >= 2, "the page shows its fields")
        choose(page)
        time.sleep(3)  # what was chosen is drawn
        picture.write_bytes(page.picture())
    print(picture)


def choose(page: chromium.Page) -> None:
    """METRICS instead of the one that the page begins with."""
    page.evaluate(f"{FIELDS}[1].focus()")
    page.press(*BACKSPACE)
    for metric in METRICS:
        page.write(metric)
        time.sleep(0.5)  # the list is filtered
        page.press(*ENTER)
    page.press(*ESCAPE)
    page.evaluate("document.activeElement.blur()")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    root = parser.parse_args().runs.absolute()
    program = chromium.browser()
    if program is None:
        raise SystemExit("There is no chromium on the PATH.")
    engines = [run(f"backend={each}", "load.dtype=auto", runs=root) for each in ENGINES]
    swept = runs_of(run(*SWEEP, runs=root))
    command = [*ui_command(root, Tracking("local")), "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            shoot([id_of(each) for each in engines], DOCS / "mlflow-compare.png", program)
            shoot([id_of(each) for each in swept], DOCS / "mlflow-sweep.png", program)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
