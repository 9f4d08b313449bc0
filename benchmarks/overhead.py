"""What infra costs: tok/s through it over the bare engine, and seconds beside the model's work.

    python benchmarks/overhead.py [--repeats 5] [--engines transformers llama_cpp mlx]

Both sides run in turn (A B A B …) in processes of their own on the same random weights of at least
0.4 billion parameters (0.1 for mlx, which is slow on CPUs). All figures are medians, in Markdown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.resources.machine import usable_cpus

HERE = Path(__file__).parent
TINY = HERE.parent / "plugins" / "tiny_moe"
PROMPT_WORDS = 60
#: engine -> tokens of an answer, some seconds of decoding
TOKENS = {"transformers": 64, "llama_cpp": 256, "mlx": 64}
THREADS = usable_cpus()
#: engine -> layers of the random model
LAYERS = {"transformers": 16, "llama_cpp": 16, "mlx": 4}


def make(folder: Path, layers: int) -> None:
    """Random Qwen3-MoE weights with the tiny model's tokenizer, as safetensors and GGUF."""
    sys.path.insert(0, str(TINY))
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3MoeConfig

    from export import export

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(TINY / "weights"))
    config = Qwen3MoeConfig(
        vocab_size=len(tokenizer), hidden_size=1024, intermediate_size=512,
        moe_intermediate_size=512, num_hidden_layers=layers, num_attention_heads=16,
        num_key_value_heads=4, head_dim=64, num_experts=16, num_experts_per_tok=2,
        max_position_embeddings=4096, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e9:.2f} billion parameters")
    export(model, tokenizer, folder)


def infra(*arguments: str, runs: Path) -> dict[str, Any]:
    """The record of one ``python -m infra``, with the command's wall time."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "infra", *arguments], capture_output=True, text=True, check=True,
        env={**os.environ, "INFRA_RUNS": str(runs)},
    )  # fmt: skip
    wall = time.perf_counter() - start
    record: dict[str, Any] = json.loads(Path(done.stdout.strip().splitlines()[-1]).read_text())
    return record | {"wall": wall}


def bare(engine: str, weights: Path, ids: Path) -> dict[str, float]:
    command = [
        sys.executable, str(HERE / "bare.py"), engine, str(weights), str(ids),
        str(TOKENS[engine]), str(THREADS),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def compare(engine: str, folder: Path, repeats: int) -> list[str]:
    """A row of the table: through infra, bare, and the ratio, for prefill and decode."""
    weights = next(folder.glob("*.gguf")) if engine == "llama_cpp" else folder
    prompts, ids = folder / "prompts.jsonl", folder / "ids.json"
    text = " ".join(f"word{n}" for n in range(PROMPT_WORDS))
    prompts.write_text(json.dumps({"prompt": text}))
    arguments = (
        f"backend={engine}", "model=local", f"model.path={weights}", f"prompts.file={prompts}",
        f"sampling.max_tokens={TOKENS[engine]}", "tracking=none", f"load.threads={THREADS}",
        f"load.dtype={'float32' if engine == 'mlx' else 'auto'}", "load.context=4096",
    )  # fmt: skip
    pairs = []
    for _ in range(repeats):
        record = infra(*arguments, runs=folder / "runs")
        ids.write_text(json.dumps(_ids(folder, text)))
        ours = {name: measure["value"] for name, measure in record["metrics"].items()}
        pairs.append((ours, bare(engine, weights, ids)))
    row = [engine]
    for name in ("prefill_tps", "decode_tps"):
        sides = [
            statistics.median(side[name] for side in each) for each in zip(*pairs, strict=True)
        ]
        ratio = statistics.median(ours[name] / theirs[name] for ours, theirs in pairs)
        row += [f"{sides[0]:.1f}", f"{sides[1]:.1f}", f"{ratio:.3f}"]
    return row


def _ids(folder: Path, text: str) -> list[int]:
    from tokenizers import Tokenizer

    from infra.chat import render
    from infra.types import Prompt

    template = (folder / "chat_template.jinja").read_text()
    rendered = render(template, Prompt("p", ({"role": "user", "content": text},)))
    ids: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(rendered).ids
    return ids


def fixed(repeats: int, folder: Path) -> None:
    """Seconds of a whole run that are neither import, load, warm-up nor generation."""
    print("| one run | wall, s | the model's work, s | infra's own, s |\n|---|---|---|---|")
    for tracking in ("none", "local"):
        rows = []
        infra(f"tracking={tracking}", "prompts.limit=2", runs=folder)  # makes the database
        for _ in range(repeats):
            record = infra(f"tracking={tracking}", "prompts.limit=2", runs=folder)
            work = sum(s["end"] - s["start"] for s in record["stages"] if s["name"] != "parse")
            rows.append((record["wall"], work, record["wall"] - work))
        medians = (f"{statistics.median(column):.2f}" for column in zip(*rows, strict=True))
        print(f"| tracking={tracking} | {' | '.join(medians)} |", flush=True)


def verbs(repeats: int) -> None:
    """Wall seconds of the verbs that people type most."""
    print("| verb | seconds |\n|---|---|")
    for verb in ("--help", "plugins", "models", "results", "doctor"):
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "infra", verb], capture_output=True, check=True)
            seconds.append(time.perf_counter() - start)
        print(f"| `{verb}` | {statistics.median(seconds):.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--engines", nargs="*", default=list(LAYERS), choices=list(LAYERS))
    args = parser.parse_args()
    print("| engine | prefill, infra | bare | ratio | decode, infra | bare | ratio |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for engine in args.engines:
            folder = Path(name) / str(LAYERS[engine])
            if not folder.exists():
                make(folder, LAYERS[engine])
            print(f"| {' | '.join(compare(engine, folder, args.repeats))} |", flush=True)
        fixed(args.repeats, Path(name) / "runs")
    verbs(args.repeats)


if __name__ == "__main__":
    main()
