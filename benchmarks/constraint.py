"""What a constraint costs: decode tok/s with it over without, on each engine, and microseconds.

    python benchmarks/constraint.py [--repeats 5] [--engines transformers llama_cpp mlx]

The bundled model answers the same prompts greedily, in turn (A B A B …); its answers are the same.
A second pair has random weights under ``tools.choice=required``, where most tokens are drawn again.
Medians, in Markdown.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from overhead import infra

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "tiny_moe"))
from made import random_model  # the tests' random weights

ENGINES = ("transformers", "llama_cpp", "mlx")
HELD = ("constraint=tools",)
FORCED = (*HELD, "tools.choice=required", "sampling.temperature=1")
FREE = ("sampling.temperature=1",)


def compare(engine: str, runs: Path, model: tuple[str, ...], sides: list[tuple[str, ...]]) -> str:
    """A row: seconds a token without and with, and the ratio of tok/s."""
    pairs = []
    for _ in range(ARGS.repeats):
        pairs.append([_rate(engine, runs, (*model, *side)) for side in sides])
    free, held = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    ratio = statistics.median(held / free for free, held in pairs)
    cost = statistics.median(1e6 / held - 1e6 / free for free, held in pairs)
    return f"{free:.0f} | {held:.0f} | {ratio:.3f} | {cost:.0f}"


def _rate(engine: str, runs: Path, arguments: tuple[str, ...]) -> float:
    record = infra(
        f"backend={engine}", "tracking=none", "prompts.limit=12", "load.threads=1",
        "sampling.max_tokens=60", *arguments, runs=runs,
    )  # fmt: skip
    return float(record["metrics"]["decode_tps"]["value"])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = random_model(Path(name) / "random")
        print("| engine | answers | decode, free | held | ratio | microseconds a token |")
        print("|---|---|---|---|---|---|")
        for engine in ARGS.engines:
            runs = Path(name) / "runs"
            row = compare(engine, runs, (), [(), HELD])
            print(f"| {engine} | trained, unchanged | {row} |", flush=True)
            path = next(folder.glob("*.gguf")) if engine == "llama_cpp" else folder
            dtype = ("load.dtype=float32",) if engine == "mlx" else ()
            model = ("model=local", f"model.path={path}", *dtype)
            row = compare(engine, runs, model, [FREE, FORCED])
            print(f"| {engine} | random, forced | {row} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--engines", nargs="*", default=ENGINES, choices=ENGINES)
    ARGS = parser.parse_args()
    main()
