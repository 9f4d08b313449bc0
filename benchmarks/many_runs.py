"""How long the answers to a sweep of 500 runs take: ``results``, ``report``, and opening the page.

    python benchmarks/many_runs.py        # needs the extra report; for the last row chromium

The runs are copies of a real one (backend echo) with other choices and numbers, 20 prompts each.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import chromium
from swept import copied, sweep

AXES = {
    "quantization": ["none", "q8", "q4", "q3", "q2"],
    "experts.active": ["2", "1", "4", "6", "8"],
    "sampling.temperature": ["0.0", "0.3", "0.6", "0.9", "1.2"],
}
REPEATS, TRIES = 4, 5
VERBS = (["results"], ["results", "--json"], ["results", "--llama-bench"], ["report"])
#: ms from the start of the navigation until a picture was drawn
PAINTED = "new Promise(d => requestAnimationFrame(() => setTimeout(() => d(performance.now()))))"


class Took(NamedTuple):
    """Seconds by the clock, and of the processor: other work on the machine adds only to the
    first."""

    wall: float
    processor: float


def verb(arguments: list[str], runs: Path) -> Took:
    """The least of TRIES, the program's start included."""
    return min(_once(arguments, runs) for _ in range(TRIES))


def _once(arguments: list[str], runs: Path) -> Took:
    start, before = time.perf_counter(), os.times()
    subprocess.run(
        [sys.executable, "-m", "infra", *arguments], check=True, capture_output=True,
        env={**os.environ, "INFRA_RUNS": str(runs)},
    )  # fmt: skip
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system
    return Took(wall, used - before.children_user - before.children_system)


def opened(page: Path, program: str) -> Took:
    """Until the page is loaded and painted, the least of TRIES in new browsers; of the processor
    what the page's own thread took."""
    found = []
    for _ in range(TRIES):
        with chromium.opened(program) as tab:
            tab.ask("Performance.enable", timeDomain="threadTicks")
            tab.show(1280, 900, "light")
            tab.open(page)
            painted = tab.evaluate(PAINTED) / 1000
            metrics = {m["name"]: m["value"] for m in tab.ask("Performance.getMetrics")["metrics"]}
            found.append(Took(painted, metrics["TaskDuration"]))
    return min(found)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        made = sweep(copied(runs), AXES, repeats=REPEATS, prompts=20)
        print("| with 500 runs | seconds | of the processor |\n|---|---|---|")
        for arguments in VERBS:
            took = verb(arguments, runs)
            row = f"`infra {' '.join(arguments)}` | {took.wall:.2f} | {took.processor:.2f}"
            print(f"| {row} |", flush=True)
        page, program = made / "report.html", chromium.browser()
        if program:
            took, size = opened(page, program), page.stat().st_size / 1e6
            print(
                f"| the page ({size:.1f} MB) in Chromium | {took.wall:.2f} | {took.processor:.2f} |"
            )


if __name__ == "__main__":
    main()
