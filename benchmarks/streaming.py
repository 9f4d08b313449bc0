"""Experts in memory, in a mapped file, or streamed: speed, reads and TTFT under limits of memory.

    python benchmarks/streaming.py [--layers 24] [--model FILE.gguf] [--k 8 4 2]
        [--limits 0 1 0.5 0.33] [--residency bare resident mmap stream] [--starts cold warm]
        [--tokens 32] [--threads 1] [--repeats 3] [--folder FOLDER]

The model is a random Qwen3-MoE in Q4_0 with 64 experts a layer (24 layers: 1.4 GB; 72: 4.2 GB),
unless --model names another. A limit is a share of the file's size; 0 is none. ``bare`` is
llama-cpp-python's class Llama with its own defaults; the others have the same kernels as each other
(load.repack=false). Tokens are drawn at a high temperature, since the greedy text of a random
model repeats itself, and so would its routing; all but ``bare`` draw the same ones.

``cold``: the first request after the load, the page cache empty before it; ``warm``: the second.
``of the disk``: tok/s over what the disk alone would allow, its bandwidth over the bytes read for
a token. A token that reads little is bound by computing, and its share must be small; so ``waited``
is the share of the time of a token in which the computation stood still until its experts were
there, and ``disk, waiting`` the bytes read over that time and the bandwidth. ``killed``: by the
kernel, for memory. What is paged in for every token generates FEW tokens. The cost of counting the
routing comes last. Everything is printed in Markdown. Limits need the right to make cgroups.

With --folder the model and what was measured (measured.jsonl, a line a row) stay there, and the
same command goes on where it was interrupted; delete the lines that shall be measured anew.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np

from infra.files import write_atomic
from infra.isolate import ENTER
from infra.resources.limits import Group
from infra.resources.machine import usable_cpus

TINY = Path(__file__).parent.parent / "plugins" / "tiny_moe" / "weights"
PROMPT = "31415926535897932384626433832795028841971693993751058209749445923"[:64]  # 64 tokens
HIDDEN, INNER, EXPERTS, VOCABULARY, HEADS, KEYS, WIDTH = 1024, 512, 64, 2048, 16, 4, 64
TYPE = gguf.GGMLQuantizationType.Q4_0
#: tokens where nearly all experts are read for each
FEW = 6
#: seconds for one run; a model that is paged in for every token is stopped there
PATIENCE = 120
BLOCK = 1 << 20

BARE = """
import json, sys, time
from llama_cpp import Llama
path, k, threads, tokens, prompt, requests = json.loads(sys.argv[1])
override = {f"{sys.argv[2]}.expert_used_count": k}
llama = Llama(path, n_ctx=512, n_threads=threads, n_threads_batch=threads, verbose=False,
              kv_overrides=override)
read = lambda: int(open("/proc/self/io").read().split("read_bytes: ")[1].split()[0])
for _ in range(requests):
    llama.reset()
    ids = llama.tokenize(prompt.encode(), add_bos=False)
    start, times = time.perf_counter(), []
    for _ in llama.generate(ids, temp=100.0, top_k=0, top_p=1.0, min_p=0.0, repeat_penalty=1.0):
        times.append(time.perf_counter())
        if len(times) == 1:
            before = read()
        if len(times) == tokens:
            break
done = len(times) - 1
print(json.dumps({"tps": done / (times[-1] - times[0]), "read": (read() - before) / done,
                  "ttft": times[0] - start}))
"""


class Cell(NamedTuple):
    """One row of the table, before it is run."""

    residency: str
    k: int
    limit: float
    start: str


class Found(NamedTuple):
    """What came of it."""

    tps: float
    read: float | None  #: bytes for a generated token
    ttft: float  #: seconds
    waited: float | None = None  #: share of the time of a token


def make(path: Path, layers: int) -> None:
    """Write the random model; layers share their numbers, and the router's differ."""
    draw = np.random.default_rng(0).standard_normal
    writer = _described(gguf.GGUFWriter(path, "qwen3moe", use_temp_file=False), layers)

    def quantized(*shape: int, scale: float = 0.02) -> Any:
        return gguf.quants.quantize((draw(shape) * scale).astype(np.float32), TYPE)

    vocabulary = quantized(VOCABULARY, HIDDEN, scale=1.0)
    shared = {
        "attn_q": quantized(HEADS * WIDTH, HIDDEN), "attn_k": quantized(KEYS * WIDTH, HIDDEN),
        "attn_v": quantized(KEYS * WIDTH, HIDDEN), "attn_output": quantized(HIDDEN, HEADS * WIDTH),
        "ffn_gate_exps": quantized(EXPERTS, INNER, HIDDEN),
        "ffn_up_exps": quantized(EXPERTS, INNER, HIDDEN),
        "ffn_down_exps": quantized(EXPERTS, HIDDEN, INNER),
    }  # fmt: skip
    norms = {"attn_norm": HIDDEN, "ffn_norm": HIDDEN, "attn_q_norm": WIDTH, "attn_k_norm": WIDTH}
    for name in ("token_embd", "output"):
        writer.add_tensor(f"{name}.weight", vocabulary, raw_dtype=TYPE)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for layer in range(layers):
        for name, size in norms.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(size, np.float32))
        router = (draw((EXPERTS, HIDDEN)) * 0.5).astype(np.float32)
        writer.add_tensor(f"blk.{layer}.ffn_gate_inp.weight", router)
        for name, data in shared.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", data, raw_dtype=TYPE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _described(writer: gguf.GGUFWriter, layers: int) -> gguf.GGUFWriter:
    tokenizer = json.loads((TINY / "tokenizer.json").read_text())["model"]
    names = {number: text for text, number in tokenizer["vocab"].items()}
    writer.add_context_length(4096)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(INNER)
    writer.add_expert_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_key_length(WIDTH)
    writer.add_value_length(WIDTH)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(8)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([names.get(n, f"<u{n}>") for n in range(VOCABULARY)])
    writer.add_token_types([1 if n in names else 5 for n in range(VOCABULARY)])
    writer.add_token_merges([" ".join(m) for m in tokenizer["merges"]])
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_add_bos_token(False)
    return writer


def disk(path: Path) -> float:
    """Bytes/s with which the file comes from the disk in 8 threads; best of two."""
    return max(_disk(path) for _ in range(2))


def _disk(path: Path) -> float:
    drop(path)
    with path.open("rb", buffering=0) as file, ThreadPoolExecutor(8) as pool:
        number, size = file.fileno(), path.stat().st_size
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_RANDOM)

        def read(start: int) -> None:
            for offset in range(start, size, 8 * BLOCK):
                os.preadv(number, [bytearray(BLOCK)], offset)

        begun = time.perf_counter()
        list(pool.map(read, range(0, 8 * BLOCK, BLOCK)))
        return size / (time.perf_counter() - begun)


def drop(path: Path) -> None:
    """Empty the page cache of the file."""
    with path.open("rb") as file:
        os.fsync(file)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def infra(path: Path, cell: Cell, args: argparse.Namespace, *more: str) -> Found | str:
    """One run of infra, or in a word why there are no numbers."""
    limit = int(cell.limit * path.stat().st_size)
    command = [
        sys.executable, "-m", "infra", "backend=llama_cpp", "model=local", f"model.path={path}",
        "tracking=none", f"prompt='{PROMPT}'", f"experts.active={cell.k}", "load.context=512",
        f"experts.residency={cell.residency}", "load.repack=false", f"load.threads={args.threads}",
        f"sampling.max_tokens={_tokens(cell, args)}", "sampling.temperature=100", "preflight=off",
        f"warmup={int(cell.start == 'warm')}", "cache=cold", f"timeout={PATIENCE}",
        *([f"limits.memory={limit}"] if limit else []), *more,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        return done.stderr.strip().splitlines()[-1]
    record = json.loads(Path(done.stdout.strip().splitlines()[-1]).read_text())
    if record["status"] != "FINISHED":
        return "killed" if "SIGKILL" in record["cause"] else record["cause"]
    values = {name: measure["value"] for name, measure in record["metrics"].items()}
    return Found(
        values["decode_tps"], values.get("expert_bytes_read_decode"), values["ttft_p50"],
        values.get("expert_wait_share_decode"),
    )  # fmt: skip


def _tokens(cell: Cell, args: argparse.Namespace) -> int:
    paged = cell.residency in {"bare", "mmap"} and 0 < cell.limit < 1
    tokens: int = args.tokens
    return min(FEW, tokens) if paged else tokens


def bare(path: Path, cell: Cell, args: argparse.Namespace) -> Found | str:
    """One run of llama-cpp-python by itself."""
    drop(path)
    tokens, requests = _tokens(cell, args), 1 + (cell.start == "warm")
    told = [str(path), cell.k, args.threads, tokens, PROMPT, requests]
    command = [sys.executable, "-c", BARE, json.dumps(told), args.architecture]
    limit = int(cell.limit * path.stat().st_size)
    group = Group(limit) if limit else None
    if group:
        command = ["sh", "-c", ENTER, str(group.door), *command]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"over {PATIENCE} s"
    finally:
        if group:
            group.remove()
    if done.returncode:
        return "killed" if done.returncode == -9 else done.stderr.strip().splitlines()[-1]
    found = json.loads(done.stdout)
    return Found(found["tps"], found["read"], found["ttft"])


def table(path: Path, kept: Path, args: argparse.Namespace) -> None:
    """All cells, one row each as soon as it is known.

    Args:
        kept: a line of JSON for each cell that was measured, which is not measured again.
    """
    bandwidth = disk(path)
    size = path.stat().st_size
    print(f"{size / 1e9:.2f} GB; disk {bandwidth / 1e6:,.0f} MB/s; {args.threads} threads\n")
    print(
        "| K | memory | start | experts | tok/s | MB/token | of the disk | waited | disk, waiting "
        "| TTFT, s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    known = _known(kept)
    for limit, start, k, residency in product(args.limits, args.starts, args.k, args.residency):
        cell = Cell(residency, k, limit, start)
        key = json.dumps([path.name, size, args.threads, _tokens(cell, args), *cell])
        if key not in known:
            known[key] = _run(path, cell, args), bandwidth
            with kept.open("a") as file:
                file.write(json.dumps([key, *known[key]]) + "\n")
        print(_row(cell, size, *known[key]), flush=True)


def _known(kept: Path) -> dict[str, tuple[Found | str, float]]:
    """Cell -> what came of it, and the bandwidth of the disk at that time. A last line that was not
    written to its end is taken out of the file."""
    text = kept.read_text() if kept.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_atomic(kept, whole)
    rows = [json.loads(line) for line in whole.splitlines()]
    return {
        key: (found if isinstance(found, str) else Found(*found), bandwidth)
        for key, found, bandwidth in rows
    }


def _run(path: Path, cell: Cell, args: argparse.Namespace) -> Found | str:
    if cell.residency == "bare":
        return bare(path, cell, args)
    return infra(path, cell, args, "experts.telemetry=true")


def _row(cell: Cell, size: int, found: Found | str, bandwidth: float) -> str:
    memory = f"{cell.limit * size / 1e6:,.0f} MB" if cell.limit else "all"
    head = f"| {cell.k} | {memory} | {cell.start} | {cell.residency} |"
    if isinstance(found, str):
        return f"{head} {found} | | | | | |"
    read = "" if found.read is None else f"{found.read / 1e6:.1f}"
    waited = "" if found.waited is None else f"{found.waited:.2f}"
    share = waiting = ""
    if found.read is not None and found.read > 1e6:  # a few files of libraries are read in any case
        share = f"{found.tps * found.read / bandwidth:.2f}"
        if found.waited:
            waiting = f"{found.tps * found.read / found.waited / bandwidth:.2f}"
    return f"{head} {found.tps:.2f} | {read} | {share} | {waited} | {waiting} | {found.ttft:.2f} |"


def telemetry(path: Path, args: argparse.Namespace) -> None:
    """Decode speed with the routing counted over that without, in turn (A B A B …)."""
    print("\n| K | tok/s | with experts.telemetry | ratio |\n|---|---|---|---|")
    for k in args.k:
        pairs = []
        for _ in range(args.repeats):
            cell = Cell("resident", k, 0, "warm")
            sides = [infra(path, cell, args, f"experts.telemetry={on}") for on in (False, True)]
            pairs.append([side.tps for side in sides if isinstance(side, Found)])
        off, on = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"| {k} | {off:.2f} | {on:.2f} | {ratio:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--architecture", default="qwen3moe", help="of --model, in its metadata")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--k", type=int, nargs="*", default=[8, 4, 2])
    parser.add_argument("--limits", type=float, nargs="*", default=[0, 1, 1 / 2, 1 / 3])
    names = ["bare", "resident", "mmap", "stream"]
    parser.add_argument("--residency", nargs="*", default=names, choices=names)
    parser.add_argument("--starts", nargs="*", default=["cold", "warm"], choices=["cold", "warm"])
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=usable_cpus())
    parser.add_argument("--repeats", type=int, default=3, help="of the cost of telemetry; 0: none")
    parser.add_argument("--folder", type=Path, help="that keeps all; else a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["INFRA_RUNS"] = str(Path(name) / "runs")
        path = args.model or _made(folder, args.layers)
        if args.residency:
            table(path, folder / "measured.jsonl", args)
        if args.repeats:
            telemetry(path, args)


def _made(folder: Path, layers: int) -> Path:
    """The random model, which is there whole or not at all."""
    path = folder / f"random-{layers}-q4_0.gguf"
    if not path.exists():
        make(part := path.with_suffix(".part"), layers)
        part.rename(path)
    return path


if __name__ == "__main__":
    main()
