"""A plan: everything that decides a run, as plain data that can be hashed, stored and read back."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.types import Json, Sampling

#: keys that change how a run is watched or kept, not what it computes
OPERATIONAL = frozenset({"tracking", "timeout", "name", "isolation", "sweep", "cell", "preflight"})


@dataclass(frozen=True)
class Weights:
    """The files of a model, on this disk."""

    name: str
    path: str  #: a directory with config.json and safetensors, or the (first) GGUF file
    format: str  #: ``safetensors`` or ``gguf``
    digest: str = ""  #: SHA-256 over all files
    experts: int | None = None  #: experts of a layer, from the metadata
    experts_used: int | None = None  #: K that the metadata asks for
    context: int | None = None  #: tokens the model was made for
    quantization: str = "none"  #: scheme that the files hold, ``none`` for floats
    origin: str = ""  #: repository and revision that they came from
    trust_remote_code: bool = False
    random: bool = False  #: drawn here, in the shape of the model


@dataclass(frozen=True)
class Load:
    """The group-less keys ``load.*``; ``None`` leaves the choice to the engine."""

    dtype: str = "auto"
    device: str = "auto"
    threads: int | None = None
    gpu_layers: int | None = None
    context: int | None = None
    batch: int | None = None
    mmap: bool | None = None
    repack: bool | None = None


@dataclass(frozen=True)
class Experts:
    """Where the experts' weights are, and what is seen of their use."""

    residency: str | None = None  #: ``resident``, ``mmap``, ``stream``, or the engine's own way
    io_threads: int = 8
    pin: int = 0  #: MB
    telemetry: bool = False


@dataclass(frozen=True)
class Constraint:
    """What an answer is held to."""

    kind: str = "none"  #: ``none``, ``tools``, ``json`` or ``grammar``
    text: str = ""  #: the JSON Schema, or the grammar in Lark or GBNF


@dataclass(frozen=True)
class Tools:
    """How tool calls are read, how many there may be where they are constrained, and what answers
    them."""

    parser: str = "auto"
    choice: str = "auto"  #: ``auto``, ``required`` or ``none``
    most: int | None = None
    loop: int = 0  #: rounds of results that are fed back
    run: tuple[str, ...] = ()  #: functions that really run
    timeout: float = 30.0  #: seconds that one may take


@dataclass(frozen=True)
class PromptSet:
    """Which prompts are asked; the prompts themselves lie beside the plan in prompts.jsonl."""

    source: str
    digest: str  #: SHA-256 of their canonical JSON
    count: int


@dataclass(frozen=True)
class Tracking:
    """Where the finished record is published."""

    kind: str = "none"
    uri: str | None = None
    experiment: str = "infra"


@dataclass(frozen=True)
class Plan:
    """One run, before it runs."""

    model: Weights
    backend: str
    quantization: str
    prompts: PromptSet
    experts_active: int | None = None
    experts: Experts = field(default_factory=Experts)
    memory: int | None = None  #: bytes that the engine's process may use
    preflight: str = "refuse"
    sampling: Sampling = field(default_factory=Sampling)
    constraint: Constraint = field(default_factory=Constraint)
    load: Load = field(default_factory=Load)
    tools: Tools = field(default_factory=Tools)
    tracking: Tracking = field(default_factory=Tracking)
    warmup: int = 1
    repeat: int = 0  #: position in ``repeats=N``; part of each request's seed
    cache: str = "asis"  #: the page cache before the load: ``asis``, ``warm`` or ``cold``
    isolation: str = "fresh"  #: ``reuse`` of a loaded engine, a ``fresh`` process, or ``none``
    sweep: str | None = None  #: the folder of the sweep that it belongs to
    cell: str | None = None  #: its identity where the sweep was planned, maybe another machine
    timeout: float | None = None
    name: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)  #: file -> SHA-256, of those in use
    machine: str = ""

    @property
    def identity(self) -> str:
        """See ``identity_of``."""
        return identity_of(to_json(self))

    @property
    def load_key(self) -> str:
        """SHA-256 of all that decides what the engine loads: runs that share it can share one."""
        plan = to_json(self)
        names = (
            "model", "backend", "quantization", "experts_active", "experts", "memory", "load",
            "versions", "plugins",
        )  # fmt: skip
        return digest({name: plan[name] for name in names})


def identity_of(plan: Mapping[str, Json]) -> str:
    """SHA-256 of all in ``to_json(plan)`` that decides what the run computes, its repeat index
    left out."""
    kept = {k: v for k, v in plan.items() if k not in OPERATIONAL | {"repeat"}}
    kept["model"] = kept["model"]["digest"] or kept["model"]["path"]
    return digest(kept)


def to_json(value: Any) -> dict[str, Json]:
    """A dataclass as the JSON object that ``from_json`` reads."""
    result: dict[str, Json] = json.loads(json.dumps(dataclasses.asdict(value), default=dict))
    return result


def from_json(data: Mapping[str, Json]) -> Plan:
    """A plan from its JSON object.

    Raises:
        TypeError, KeyError: the object was not written by this version.
    """
    known = dict(data)
    known["model"] = Weights(**known["model"])
    known["prompts"] = PromptSet(**known["prompts"])
    known["sampling"] = Sampling(**{**known["sampling"], "stop": tuple(known["sampling"]["stop"])})
    known["load"] = Load(**known["load"])
    known["experts"] = Experts(**known["experts"])
    known["constraint"] = Constraint(**known["constraint"])
    known["tools"] = Tools(**{**known["tools"], "run": tuple(known["tools"].get("run", ()))})
    known["tracking"] = Tracking(**known["tracking"])
    return Plan(**known)


def digest(value: Json) -> str:
    """SHA-256, in hex, of a JSON value written canonically (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
