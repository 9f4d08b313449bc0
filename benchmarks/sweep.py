"""What a sweep costs: 24 sampling settings on the bundled model in one command.

    python benchmarks/sweep.py [--settings 24] [--prompts 60] [--separate 6] [--engine llama_cpp]

Two ratios, both lower is better for the sweep: its wall time over one load and all generations, as
its own records have them; and the wall time of as many separate ``python -m infra`` over its own.
Of the separate commands only ``--separate`` are run, evenly chosen; their median stands for all.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TEMPERATURES = ("0", "0.3", "0.6", "0.9", "1.2", "1.5")
TOP_PS = ("0.8", "0.9", "0.95", "1")


def infra(*arguments: str, runs: Path) -> float:
    """Wall seconds of one ``python -m infra``."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "infra", *arguments], capture_output=True, check=True,
        env={**os.environ, "INFRA_RUNS": str(runs)},
    )  # fmt: skip
    return time.perf_counter() - start


def records(runs: Path) -> list[dict[str, Any]]:
    """Those of the sweep in ``runs``."""
    found = [json.loads(path.read_text()) for path in sorted(runs.glob("*/record.json"))]
    return [record for record in found if record["plan"]["sweep"]]


def work(found: list[dict[str, Any]]) -> float:
    """Seconds of one load and of all generations."""
    stages = [stage for record in found for stage in record["stages"]]
    once = [s for s in stages if s["name"] in ("import", "convert", "load")]
    asked = [s for s in stages if s["name"] in ("warmup", "generate")]
    return float(sum(stage["end"] - stage["start"] for stage in (*once, *asked)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--settings", type=int, default=24)
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--separate", type=int, default=6)
    parser.add_argument("--engine", default="llama_cpp")
    parser.add_argument("--tracking", default="local")
    args = parser.parse_args()
    settings = list(itertools.product(TEMPERATURES, TOP_PS))[: args.settings]
    common = (
        f"backend={args.engine}", "prompts=heldout", f"prompts.limit={args.prompts}",
        f"tracking={args.tracking}",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        runs = Path(name)
        infra("prompts.limit=1", common[-1], runs=runs / "sweep")  # makes the database
        temperatures = ",".join(dict.fromkeys(t for t, _ in settings))
        top_ps = ",".join(dict.fromkeys(p for _, p in settings))
        wall = infra(
            *common, "-m", f"sampling.temperature={temperatures}", f"sampling.top_p={top_ps}",
            runs=runs / "sweep",
        )  # fmt: skip
        done = records(runs / "sweep")
        assert len(done) == len(settings)
        assert sum(record["reused"] is None for record in done) == 1
        chosen = settings[:: max(1, len(settings) // args.separate)][: args.separate]
        alone = [
            infra(*common, f"sampling.temperature={t}", f"sampling.top_p={p}", runs=runs / "alone")
            for t, p in chosen
        ]
    print("| settings | sweep, s | one load + all generations, s | ratio | separate, s | ratio |")
    print("|---|---|---|---|---|---|")
    separate = statistics.median(alone) * len(settings)
    ideal = work(done)
    print(
        f"| {len(settings)} of {args.prompts} prompts, {args.engine} | {wall:.1f} | {ideal:.1f} "
        f"| {wall / ideal:.2f} | {separate:.1f} | {separate / wall:.1f} |"
    )


if __name__ == "__main__":
    main()
