"""How fast a run was. Each metric's docstring is its definition; times are seconds.

Only the measured requests count, never the warm-up's. TTFT, TPOT, ITL (the raw gaps) and end to end
mean what they mean in vLLM's benchmark (https://docs.vllm.ai/en/latest/api/vllm/benchmarks/serve/).
That answers without text are no first token is NVIDIA's rule, whose inter-token latency is a mean
over each request, our ``tpot`` (https://docs.nvidia.com/nim/benchmarking/llm/latest/metrics.html).
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from statistics import quantiles

from infra import hookimpl
from infra.types import Generation, Measure, Metric, Record, metric

PERCENTILES = (50, 95, 99)

STAGES = {
    "import": "importing the engine's library.",
    "convert": "making what is made once, such as a quantized file.",
    "load": "loading the model.",
    "warmup": "the requests that are made before the measured ones.",
    "generate": "all measured requests, one after the other.",
}


def ttft(record: Record) -> list[float]:
    """Time to first token: from the request's start, rendering and tokenizing included, to the
    first token with text."""
    return [g.first_text - g.start for g in record.generations if g.first_text is not None]


def itl(record: Record) -> list[float]:
    """Inter-token latency: each gap between a token and the next, of all requests."""
    return [after - before for g in record.generations for before, after in pairwise(g.times)]


def e2e(record: Record) -> list[float]:
    """End to end: from the request's start to the end of its answer; finished requests only,
    and none that did not fit and got no token."""
    return [g.end - g.start for g in record.generations if g.end is not None and g.times]


@metric("tokens/s", "higher")
def prefill_tps(record: Record) -> Measure | None:
    """Prompt tokens really evaluated over the time from the start of their evaluation to the
    first token, summed over the requests. n: requests."""
    begun = [g for g in record.generations if g.times]
    seconds = sum(g.times[0] - g.prefill_start for g in begun)
    return _rate(sum(g.evaluated for g in begun), seconds, len(begun))


@metric("tokens/s", "higher")
def decode_tps(record: Record) -> Measure | None:
    """Tokens after the first over the time after the first, summed over the requests. n: requests
    with two tokens or more."""
    longer = [g for g in record.generations if len(g.times) > 1]
    seconds = sum(g.times[-1] - g.times[0] for g in longer)
    return _rate(sum(len(g.times) - 1 for g in longer), seconds, len(longer))


@metric("s", "lower")
def tpot(record: Record) -> Measure | None:
    """Time per output token: (E2E - TTFT) / (tokens - 1), the mean over the finished requests with
    two tokens or more. n: those requests."""
    found = [time for g in record.generations if (time := _per_token(g)) is not None]
    return Measure(sum(found) / len(found), len(found)) if found else None


@metric("tokens", "neither")
def generated_tokens(record: Record) -> Measure | None:
    """Tokens of all answers, those that end an answer included. n: requests."""
    answers = record.generations
    return Measure(sum(len(g.ids) for g in answers), len(answers)) if answers else None


@hookimpl
def infra_metrics() -> Mapping[str, Metric]:
    stages = {f"{name}_s": _stage_seconds(name, meaning) for name, meaning in STAGES.items()}
    percentiles = {
        f"{samples.__name__}_p{percent}": _percentile(samples, percent)
        for samples in (ttft, itl, e2e)
        for percent in PERCENTILES
    }
    rates = {"prefill_tps": prefill_tps, "decode_tps": decode_tps, "tpot": tpot}
    return {**stages, **percentiles, **rates, "generated_tokens": generated_tokens}


def _stage_seconds(name: str, meaning: str) -> Metric:
    def compute(record: Record) -> Measure | None:
        found = [stage.seconds for stage in record.stages if stage.name == name]
        return Measure(found[-1]) if found else None

    compute.__doc__ = f"Time of the stage {name}: {meaning}"
    return metric("s", "lower")(compute)


def _percentile(samples: Callable[[Record], list[float]], percent: int) -> Metric:
    def compute(record: Record) -> Measure | None:
        values = samples(record)
        return Measure(_quantile(values, percent), len(values)) if values else None

    compute.__doc__ = f"{samples.__doc__} Percentile {percent}, linear between neighbours."
    return metric("s", "lower")(compute)


def _quantile(values: list[float], percent: int) -> float:
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _per_token(answer: Generation) -> float | None:
    if answer.end is None or answer.first_text is None or len(answer.ids) < 2:
        return None
    return (answer.end - answer.first_text) / (len(answer.ids) - 1)


def _rate(count: int, seconds: float, n: int) -> Measure | None:
    return Measure(count / seconds, n) if seconds > 0 else None
