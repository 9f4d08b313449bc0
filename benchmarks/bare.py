"""One engine called bare, without infra: prefill and decode tok/s of one greedy answer, as JSON.

    python benchmarks/bare.py ENGINE WEIGHTS IDS.json TOKENS THREADS

The definitions are those of infra's metrics: prefill runs from the call to the first token, decode
is the tokens after the first over the time after the first.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def transformers(weights: str, ids: list[int], tokens: int, threads: int) -> Iterator[float]:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.generation.streamers import BaseStreamer

    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype="auto")
    times: list[float] = []

    class Times(BaseStreamer):  # type: ignore[misc]  # transformers is untyped
        def put(self, value: object) -> None:
            times.append(time.perf_counter())

        def end(self) -> None:
            """Nothing is held back."""

    for count in (4, tokens):
        times.clear()
        start = time.perf_counter()
        model.generate(
            torch.tensor([ids]), max_new_tokens=count, min_new_tokens=count, do_sample=False,
            streamer=Times(),
        )  # fmt: skip
    yield start
    yield from times[1:]  # the first is the prompt itself


def llama_cpp(weights: str, ids: list[int], tokens: int, threads: int) -> Iterator[float]:
    from llama_cpp import Llama

    llama = Llama(
        weights,
        n_ctx=4096,
        n_threads=threads,
        n_threads_batch=threads,
        flash_attn=True,  # what llama.cpp chooses by itself; the class turns it off
        verbose=False,
    )
    for count in (4, tokens):
        llama.reset()
        start, times = time.perf_counter(), []
        for _ in llama.generate(ids, temp=0.0, repeat_penalty=1.0, reset=True):
            times.append(time.perf_counter())
            if len(times) == count:
                break
        llama.reset()
    yield start
    yield from times


def mlx(weights: str, ids: list[int], tokens: int, threads: int) -> Iterator[float]:
    import mlx.core as mx
    from mlx_lm import load
    from mlx_lm.generate import generate_step

    model, _ = load(weights)
    model.set_dtype(mx.float32)
    for count in (4, tokens):
        start, times = time.perf_counter(), []
        for _ in generate_step(mx.array(ids), model, max_tokens=count):
            times.append(time.perf_counter())
    yield start
    yield from times


def main(engine: str, weights: str, ids: str, tokens: str, threads: str) -> None:
    prompt = json.loads(Path(ids).read_text())
    start, first, *rest = globals()[engine](weights, prompt, int(tokens), int(threads))
    prefill, decode = len(prompt) / (first - start), len(rest) / (rest[-1] - first)
    print(json.dumps({"prefill_tps": prefill, "decode_tps": decode}))


if __name__ == "__main__":
    main(*sys.argv[1:])
