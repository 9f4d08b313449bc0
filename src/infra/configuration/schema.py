"""The keys an experiment may have, with their types; Hydra checks every override against it."""

from dataclasses import dataclass, field
from typing import Any

#: OmegaConf's mark for a value that must be given; importing it would cost each verb 0.1 s
MISSING: Any = "???"


@dataclass
class Model:
    """A model: where its weights are for each backend and quantization."""

    name: str = MISSING
    about: str = ""
    licence: str = ""
    parameters: str = ""  #: total and active, e.g. 30.5B-A3.3B
    experts: str = ""  #: active of all, e.g. 8/128
    path: str | None = None  #: a directory of safetensors or a GGUF file
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    """A backend's name or a format -> quantization (or ``any``) -> a path, or repo, file and
    revision; the backend's name counts first."""
    weights: str = "real"  #: real, or random: of the model's shape, made here
    routing: str = "random"  #: of random weights: random, or spread as reported of real models
    shape: str | None = None  #: config.json that random weights follow, if model.path gives none
    layers: int | None = None  #: of random weights: only the first so many
    storage: str | None = None  #: type of random weights, as in Q4_0 or BF16
    trust_remote_code: bool = False


@dataclass
class Named:
    name: str = MISSING


@dataclass
class Quantization:
    scheme: str = MISSING


@dataclass
class Experts:
    active: int | None = None
    residency: str | None = None  #: resident, mmap or stream; the engine's own way without it
    io_threads: int = 8  #: that read experts at once, for stream
    pin: int = 0  #: MB of the hottest experts that are locked in memory, for stream
    telemetry: bool = False  #: count which experts the tokens are routed to


@dataclass
class Limits:
    memory: str | None = None  #: most that the engine's process may use, as in 700MB or 8GiB


@dataclass
class Sampling:
    """Field by field infra.types.Sampling, where each is defined."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    max_tokens: int = 256
    stop: list[str] = field(default_factory=list)


@dataclass
class Prompts:
    file: str | None = None
    limit: int | None = None  #: only the first so many of each file
    tools: str | None = None  #: a JSON file of function schemas, offered with ``prompt=``
    questions: Any = None  #: a file of BFCL, or a list of them
    answers: Any = None  #: the same of their answers; without, those beside the questions


@dataclass
class Load:
    """How an engine loads; each key is applied, or recorded as unsupported."""

    dtype: str = "auto"
    device: str = "auto"
    threads: int | None = None
    gpu_layers: int | None = None
    context: int | None = None
    batch: int | None = None
    mmap: bool | None = None
    repack: bool | None = None  #: llama.cpp's CPU weight repacking


@dataclass
class Constraint:
    kind: str = MISSING
    file: str | None = None  #: a JSON Schema, or a grammar in Lark or GBNF


@dataclass
class Tools:
    parser: str = "auto"
    choice: str = "auto"  #: auto, required or none; held to by ``constraint=tools``
    most: int | None = None  #: calls in an answer; required without it: one
    loop: int = 0  #: rounds of results that are fed back; 0: calls are only read
    run: list[str] = field(default_factory=list)  #: registered functions that may really run
    timeout: float = 30  #: seconds that a function may take


@dataclass
class Tracking:
    kind: str = MISSING
    uri: str | None = None
    experiment: str = "infra"


@dataclass
class Config:
    """The root of an experiment's configuration."""

    model: Model = field(default_factory=Model)
    backend: Named = field(default_factory=Named)
    quantization: Quantization = field(default_factory=Quantization)
    experts: Experts = field(default_factory=Experts)
    limits: Limits = field(default_factory=Limits)
    preflight: str = "refuse"  #: where memory is estimated to be too small: refuse, warn or off
    sampling: Sampling = field(default_factory=Sampling)
    prompts: Prompts = field(default_factory=Prompts)
    prompt: str | None = None  #: one question instead of a prompt set
    tracking: Tracking = field(default_factory=Tracking)
    constraint: Constraint = field(default_factory=Constraint)
    load: Load = field(default_factory=Load)
    tools: Tools = field(default_factory=Tools)
    warmup: int = 1  #: requests made before the measured ones
    seed: int = 0
    cache: str = "asis"  #: the page cache before a model is loaded: asis, warm or cold
    timeout: float | None = None  #: seconds a run may take after its import
    name: str | None = None  #: shown in tables, no part of what is run
    repeats: int = 1  #: how often each combination runs, interleaved with the others
    order: str = "load"  #: of a sweep: load (what loads the same, together) or given (as written)
    isolation: str = "reuse"  #: reuse a loaded engine, a fresh process a run, or none
    retries: int = 0  #: further attempts at a run whose process crashed
    cooldown: str | None = None  #: between two runs: seconds, as in 5s, or auto
    fresh: bool = False  #: run again what is finished
    objectives: list[str] = field(default_factory=list)  #: metrics that a search maximizes
    repeat: int = 0  #: set by sweeps
    sweep: str | None = None  #: set by sweeps
    cell: str | None = None  #: set by sweeps
