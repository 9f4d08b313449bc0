"""Runs in the columns of llama.cpp's llama-bench, for scripts that read its output.

Fields and layout:
https://github.com/ggml-org/llama.cpp/blob/master/tools/llama-bench/llama-bench.cpp
(``get_fields``, ``markdown_printer``). A run gives two tests: ``pp`` reads prompts of the mean
length, ``tg`` generates as many tokens as come after the first, on the prompt's depth. The repeats
of a run are the samples. What llama.cpp knows and infra does not is null.
"""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from infra import record
from infra.answers.measured import mean, repeats
from infra.answers.selection import Row, varying
from infra.types import Json

FIELDS = (
    "build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename",
    "model_type", "model_size", "model_n_params", "n_batch", "n_ubatch", "n_threads", "cpu_mask",
    "cpu_strict", "poll", "type_k", "type_v", "n_gpu_layers", "n_cpu_moe", "split_mode", "main_gpu",
    "no_kv_offload", "flash_attn", "devices", "tensor_split", "tensor_buft_overrides", "load_mode",
    "embeddings", "no_op_offload", "no_host", "fit_target", "fit_min_ctx", "n_prompt", "n_gen",
    "n_depth", "test_time", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns",
    "samples_ts",
)  # fmt: skip
#: the Markdown table's columns with their widths there; negative ones stand at the left
COLUMNS = {
    "model": -30, "size": 10, "params": 10, "backend": -10, "ngl": 3, "threads": 7, "test": 15,
    "t/s": 20,
}  # fmt: skip
#: keys of the command line that llama-bench has a column for, or that are none of a model's
TOLD = {"model", "backend", "quantization", "prompts", "repeat", "seed", "name", "isolation"}


def as_jsonl(rows: Sequence[Row]) -> str:
    """A line a test."""
    return "".join(json.dumps(test) + "\n" for test in tests(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """llama-bench's own table, with the layers on a GPU where one was used."""
    found = list(tests(rows))
    offloaded = any("CPU" not in test["backends"] for test in found)
    widths = {name: w for name, w in COLUMNS.items() if offloaded or name != "ngl"}
    rule = [f"{'-' * (abs(w) - 1)}{':' if w > 0 else '-'}" for w in widths.values()]
    header = _line({name: name for name in widths}, widths)
    lines = [header, f"| {' | '.join(rule)} |", *(_line(_cells(test), widths) for test in found)]
    return "\n".join(lines) + "\n"


def tests(rows: Sequence[Row]) -> Iterator[dict[str, Json]]:
    """The tests of the finished runs, repeats of a run as samples of one."""
    apart = [key for key in varying(rows) if key not in TOLD and not key.startswith("load.")]
    for runs in repeats([row for row in rows if row.data["status"] == "FINISHED"]):
        asked, generated = _lengths(runs[0].folder)
        model = _model(runs[0], apart)
        for metric, told in (
            ("prefill_tps", {"n_prompt": asked, "n_gen": 0, "n_depth": 0}),
            ("decode_tps", {"n_prompt": 0, "n_gen": generated, "n_depth": asked}),
        ):
            if mean(runs, metric) is not None and told["n_prompt"] + told["n_gen"]:
                found = {**model, **told, **_speeds(runs, metric, told)}
                yield {field: found.get(field) for field in FIELDS}


def _lengths(folder: Path) -> tuple[int, int]:
    """Tokens of the mean prompt, and of the mean answer after its first; 0 where unknown."""
    try:
        begun = [g for g in record.read(folder).generations if g.times]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0
    if not begun:
        return 0, 0
    longer = [len(g.times) - 1 for g in begun if len(g.times) > 1]
    asked = statistics.fmean(g.evaluated for g in begun)
    return round(asked), round(statistics.fmean(longer)) if longer else 0


def _model(row: Row, apart: Sequence[str]) -> dict[str, Json]:
    plan, facts, machine = row.data["plan"], row.data["facts"], row.data["machine"]
    options, schemes = facts["options"], facts["schemes"]
    scheme = max(schemes, key=schemes.get, default=plan["quantization"])
    chosen = [f"{key}={row.axes[key]}" for key in apart if key in row.axes]
    return {
        "cpu_info": machine.get("cpu"),
        "backends": _backends(plan["backend"], facts["device"]),
        "model_filename": plan["model"]["path"],
        "model_type": " ".join([plan["model"]["name"], scheme.upper(), *chosen]),
        "model_size": facts["weight_bytes"],
        "model_n_params": facts["parameters"],
        "n_batch": _number(options.get("batch")),
        "n_threads": facts["threads"],
        "n_gpu_layers": _number(options.get("gpu_layers")),
        "load_mode": {True: "mmap", False: "none"}.get(options.get("mmap")),
        "test_time": datetime.fromtimestamp(row.data["started"], UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        ),
    }


def _backends(backend: str, device: str) -> str:
    """The device in llama.cpp's spelling; before it the engine, where it is another one."""
    device = {"metal": "Metal", "cpu": "CPU"}.get(device, device.partition(":")[0].upper())
    return device if backend == "llama_cpp" else f"{backend},{device}"


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) else None


def _speeds(runs: Sequence[Row], metric: str, told: dict[str, int]) -> dict[str, Json]:
    """A sample a repeat: the time that the test's tokens take at the speed of the whole run."""
    rates = [rate for row in runs if (rate := row.metric(metric))]
    times = [round(1e9 * (told["n_prompt"] + told["n_gen"]) / rate) for rate in rates]
    return {
        "avg_ns": round(statistics.fmean(times)),
        "stddev_ns": round(_deviation(times)),
        "avg_ts": statistics.fmean(rates),
        "stddev_ts": _deviation(rates),
        "samples_ns": times,
        "samples_ts": rates,
    }


def _deviation(values: Sequence[float]) -> float:
    """The sample's; of one value 0, as llama-bench has it."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _cells(test: dict[str, Json]) -> dict[str, str]:
    """What each column shows of a test."""
    name = f"pp{test['n_prompt']}" if test["n_prompt"] else f"tg{test['n_gen']}"
    depth = f" @ d{test['n_depth']}" if test["n_depth"] else ""
    size, count, layers = test["model_size"], test["model_n_params"], test["n_gpu_layers"]
    return {
        "model": test["model_type"],
        "size": f"{size / 2**20:.2f} MiB" if size < 2**30 else f"{size / 2**30:.2f} GiB",
        "params": f"{count / 1e6:.2f} M" if count < 1e9 else f"{count / 1e9:.2f} B",
        "backend": test["backends"],
        "ngl": "" if layers is None else str(layers),
        "threads": str(test["n_threads"] or ""),
        "test": name + depth,
        "t/s": f"{test['avg_ts']:.2f} ± {test['stddev_ts']:.2f}",
    }


def _line(cells: Mapping[str, str], widths: Mapping[str, int]) -> str:
    filled = [
        cells[name].ljust(-w) if w < 0 else cells[name].rjust(w) for name, w in widths.items()
    ]
    return f"| {' | '.join(filled)} |"
