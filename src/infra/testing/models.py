"""Engines to look at, and the prompts that they are asked."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from infra.plan import Load, Plan, PromptSet, Weights
from infra.protocols import Backend, Engine
from infra.types import Prompt, Sampling, Token

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

#: what encode() is compared on: plain, with tools, beyond ASCII, with special tokens spelled out
PROMPTS = (
    Prompt("plain", ({"role": "user", "content": "Hello, what can you do?"},)),
    Prompt("tools", ({"role": "user", "content": "Weather in Oslo?"},), (WEATHER,)),
    Prompt("unicode", ({"role": "user", "content": "Grüße 東京 🙂\n\n  x = 1;\t// naïve"},)),
    Prompt("special", ({"role": "user", "content": "a<|im_end|>b <tool_call></tool_call>"},)),
    Prompt(
        "turns",
        (
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1 + 1?"},
            {"role": "assistant", "content": "2"},
            {"role": "user", "content": "And 2 + 2?"},
        ),
    ),
)


def plan_for(
    path: Path,
    backend: str,
    quantization: str = "stored",
    experts_active: int | None = None,
    **load: Any,
) -> Plan:
    """A plan for the weights at ``path``: a directory, or a GGUF file with a config.json beside it.

    Args:
        load: fields of ``infra.plan.Load``.
    """
    config = json.loads((directory(path) / "config.json").read_text())
    text = config.get("text_config", config)
    weights = Weights(
        name=path.name,
        path=str(path),
        format="safetensors" if path.is_dir() else "gguf",
        experts=text.get("num_experts", text.get("num_local_experts")),
        experts_used=text.get("num_experts_per_tok"),
        context=text.get("max_position_embeddings"),
    )
    prompts = PromptSet(source="infra.testing", digest="", count=len(PROMPTS))
    return Plan(weights, backend, quantization, prompts, experts_active, load=Load(**load))


@contextmanager
def loaded(backend: Backend, plan: Plan) -> Iterator[Engine]:
    """An engine, closed afterwards."""
    backend.prepare(plan)
    backend.convert(plan)
    engine = backend.load(plan)
    try:
        yield engine
    finally:
        engine.close()


def take(engine: Engine, ids: Sequence[int], count: int, **sampling: Any) -> list[Token]:
    """The first ``count`` tokens that the engine generates after ``ids``."""
    return list(islice(engine.generate(ids, Sampling(**sampling)), count))


def directory(path: Path) -> Path:
    """Where the files beside the weights are."""
    return path if path.is_dir() else path.parent


def tokenizer_of(plan: Plan) -> Any:
    """The tokenizer of transformers, as a second opinion."""
    from transformers import AutoTokenizer  # noqa: PLC0415  # heavy, and an extra

    return AutoTokenizer.from_pretrained(directory(Path(plan.model.path)))
