"""Judges the bundled model: exact tool calls by engine, K and quantization, as Markdown.

    python benchmarks/tiny_moe.py [--engines transformers llama_cpp mlx] [--limit 300] [--out FILE]

Each row is a run on the 300 held-out prompts and one on the 100 hard ones, with 95 % Wilson
intervals (Wilson 1927) and, beside the first row of its engine, the paired difference over the same
prompts with a 95 % bootstrap interval (percentiles of 10,000 resamples).
"""

import argparse
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.calls.scoring import share

#: the unquantized model at its own K comes first: all others are held against it
ROWS = [("none", 2), ("none", 1), ("none", 4), ("q8", 2), ("q4", 2), ("q3", 2), ("q2", 2)]
ABLE = {"transformers": {"none", "q8"}}
SETS = ("heldout", "hard")
Flags = NDArray[np.bool_]


def exact(engine: str, scheme: str, k: int, prompts: str, limit: int) -> Flags:
    """Whether each prompt was answered by the right calls, bool of shape (prompts,)."""
    arguments = [
        f"backend={engine}", f"quantization={scheme}", f"experts.active={k}",
        f"prompts={prompts}", f"prompts.limit={limit}", "tracking=none", "warmup=0",
        f"load.dtype={'auto' if engine == 'llama_cpp' else 'float32'}",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "infra", *arguments], capture_output=True, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    folder = Path(done.stdout.strip().splitlines()[-1]).parent
    rows = [json.loads(line) for line in (folder / "generations.jsonl").open()]
    return np.array([row["exact"] for row in rows if row["phase"] == "generate"])


def wilson(flags: Flags) -> str:
    """Share and interval, in percent."""
    rate, _, low, high = share(int(flags.sum()), len(flags))
    return f"{rate:.1%} [{low:.1%}, {high:.1%}]"


def paired(flags: Flags, base: Flags) -> str:
    """Points by which ``flags`` is above ``base`` on the same prompts, with an interval."""
    differences = flags.astype(float) - base
    drawn = np.random.default_rng(0).choice(differences, (10_000, len(differences)))
    low, high = np.percentile(drawn.mean(1), [2.5, 97.5])
    return f"{100 * differences.mean():+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def table(engine: str, limit: int) -> list[str]:
    """Markdown lines, one a row of ROWS that the engine can do."""
    base: dict[str, Flags] = {}
    lines = []
    for scheme, k in ROWS:
        if scheme not in ABLE.get(engine, {scheme}):
            continue
        cells = [engine, scheme, str(k)]
        for prompts in SETS:
            flags = exact(engine, scheme, k, prompts, limit)
            cells += [wilson(flags), paired(flags, base.setdefault(prompts, flags))]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="*", default=["transformers", "llama_cpp", "mlx"])
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    heads = ["engine", "quantization", "K"]
    heads += [f"{name}{what}" for name, what in product(SETS, (", exact", ", points"))]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for engine in args.engines:
        lines += table(engine, args.limit)
    if args.out:
        args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
