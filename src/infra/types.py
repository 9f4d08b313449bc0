"""The words of infra as plain data: what crosses the border between kernel and plugins."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

#: any value that JSON can hold
Json = Any

Message = dict[str, Json]
"""``role`` and ``content`` as chat templates read them."""

ToolSchema = dict[str, Json]
"""An OpenAI function schema: ``{"type": "function", "function": {"name", "parameters"}}``."""


@dataclass(frozen=True)
class Call:
    """One tool call: what the model wants to run, and the id it gave, if any."""

    name: str
    arguments: dict[str, Json]
    id: str | None = None

    def __str__(self) -> str:
        """As a person would write it."""
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"


@dataclass(frozen=True)
class Reply:
    """A model's text, taken apart by a parser. ``problems`` says what could not be read."""

    content: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """A right call. A parameter stands in ``arguments`` with its one value, or in ``acceptable``
    with a list of values, as in the possible answers of BFCL: ``""`` among them means that it may
    be left out; in an object among them, or in a list of objects, each key has such a list."""

    name: str
    arguments: dict[str, Json] = field(default_factory=dict)
    acceptable: dict[str, list[Json]] = field(default_factory=dict)


@dataclass(frozen=True)
class Canned:
    """What a tool is said to have answered, to a call with these arguments or, without, to any."""

    name: str
    result: Json
    arguments: dict[str, Json] | None = None


@dataclass(frozen=True)
class Prompt:
    """One question. ``expected`` lists the right calls (empty: none), ``"any"``: at least one
    call, whichever, ``None``: not scored."""

    id: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    expected: tuple[Expected, ...] | Literal["any"] | None = None
    results: tuple[Canned, ...] = ()  #: what its tools answer where none of them runs


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn, in this order: repetition penalty over prompt and output,
    temperature, top_k, top_p, min_p, draw. ``temperature=0`` is greedy; ``top_k=0``, ``top_p=1``,
    ``min_p=0`` and ``repetition_penalty=1`` switch a step off.

    Sources: CTRL (arXiv:1909.05858) for the penalty, nucleus sampling (arXiv:1904.09751) for
    top_p, min-p (arXiv:2407.01082).
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class CallRules:
    """What a parser's grammar of tool calls has to say."""

    choice: str = "auto"  #: ``auto``: calls or text; ``required``: a call; ``none``: no call
    most: int | None = None  #: calls in an answer
    thinking: str = "no"  #: ``no``, ``may`` come first, or ``open``: the prompt began it
    special: Mapping[str, int] = field(default_factory=dict)  #: special tokens: text -> id


class Token(NamedTuple):
    """A generated token: its id, and the text that it adds (empty inside a split character)."""

    id: int
    text: str


@dataclass(frozen=True)
class Facts:
    """What was really loaded, read from the live model; ``None`` is unknown, never a guess."""

    engine: str  #: distribution and version, e.g. ``mlx-lm 0.32.2``
    device: str  #: ``cpu``, ``cuda:0``, ``mps``, ``metal``
    dtype: str  #: of the computation, e.g. ``float32``
    parameters: int  #: logical weights, shared ones counted once
    weight_bytes: int  #: as stored in memory or in the mapped file
    context: int  #: tokens that fit
    threads: int | None
    experts: int | None = None  #: of a layer; ``None`` for a dense model
    effective_k: int | None = None  #: experts that a token was seen to use in a forward pass
    residency: str | None = None  #: of the experts: ``resident``, ``mmap`` or ``stream``
    schemes: Mapping[str, float] = field(default_factory=dict)
    """Storage type -> share of all weights, e.g. ``{"q4_k": 0.8, "q6_k": 0.2}``."""
    unquantized: float = 1.0  #: share of the matrix weights that is stored as floats
    template_sha256: str | None = None  #: of the chat template's source
    options: Mapping[str, Json] = field(default_factory=dict)
    """Each ``load.*`` option: the value in effect, or ``"unsupported"``."""

    @property
    def bits_per_weight(self) -> float:
        """Stored bits over logical weights, scales and zero points included."""
        return 8 * self.weight_bytes / self.parameters


class Measure(NamedTuple):
    """A metric's value, the number of samples behind it, and where it lies with 95 % confidence."""

    value: float
    n: int = 1
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Metric:
    """A number read from a finished record. ``compute`` gives ``None`` where it does not apply."""

    compute: Callable[["Record"], Measure | None]
    unit: str
    better: Literal["higher", "lower", "neither"]


def metric(
    unit: str, better: Literal["higher", "lower", "neither"]
) -> Callable[[Callable[["Record"], Measure | None]], Metric]:
    """Make a Metric of a function; its docstring is the metric's definition."""
    return lambda compute: Metric(compute, unit, better)


@dataclass(frozen=True)
class Stage:
    """One stage of a run; times are seconds on one monotonic clock, 0 at the run's start."""

    name: str
    start: float
    end: float
    memory: Mapping[str, int | None] = field(default_factory=dict)
    """At its end, in bytes: ``peak``, ``anonymous``, ``mapped``, ``read``, ``device``."""

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Result:
    """What a call was answered with. Times as in Stage."""

    call: Call
    start: float
    simulated: bool  #: by the prompt's ``results``; nothing ran
    end: float | None = None  #: ``None`` while unfinished
    value: Json = None  #: what the model is told, ``{"error": ...}`` included
    error: str | None = None  #: why there is no result

    def __str__(self) -> str:
        """As a person would write it."""
        return json.dumps(self.value, ensure_ascii=False) if self.end is not None else "unfinished"


@dataclass(frozen=True)
class Generation:
    """One request: from rendering the prompt to the last token. Times as in Stage."""

    index: int  #: of the prompt
    prompt: Prompt
    start: float
    prompt_ids: int  #: tokens in the prompt
    prompt_sha256: str  #: of the token ids
    evaluated: int  #: prompt tokens computed; fewer than ``prompt_ids`` where a cache was reused
    prefill_start: float
    ids: tuple[int, ...] = ()
    times: tuple[float, ...] = ()  #: when each token came
    text: str = ""
    first_text: float | None = None  #: when the first token with text came
    end: float | None = None  #: ``None`` while unfinished
    finish: str = "unfinished"  #: ``eos``, ``stop``, ``length``, ``context`` or ``unfinished``
    reply: Reply | None = None
    exact: bool | None = None  #: all calls as expected; ``None`` where nothing was expected
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """Judge -> its word on the calls; only of judges that had one."""
    round: int = 0  #: rounds of results that came before; the prompt's last round is judged for all
    results: tuple[Result, ...] = ()  #: of its calls, where they were answered


@dataclass(frozen=True)
class Routing:
    """Which experts the tokens of one phase were sent to, and what it took to have them there."""

    phase: str  #: ``prefill`` or ``decode``, of the measured requests
    tokens: int
    used: tuple[tuple[int, ...], ...]  #: layer -> expert -> tokens sent to it
    overlap: float | None = None
    """Share of a token's experts that the token before used too, mean over layers and tokens."""
    wanted: int | None = None  #: bytes of the experts that were routed to
    read: int | None = None  #: bytes of them that came from storage
    waited: float | None = None  #: seconds that the computation waited for them
    seconds: float = 0.0  #: that the phase took


@dataclass(frozen=True)
class Estimate:
    """Main memory that a run is expected to take, in bytes, by what takes it."""

    engine: int  #: interpreter and libraries, once imported and used
    weights: int  #: in memory of their own: copied, cast, quantized or repacked
    mapped: int = 0  #: read in place from their files, all that will be
    kept: int = 0  #: of those, what each token needs: without it, each token waits for the disk
    cache: int = 0  #: keys and values of the context
    compute: int = 0  #: buffers of the forward pass
    transient: int = 0  #: on top while loading, at most

    @property
    def own(self) -> int:
        """What cannot be dropped, at its highest."""
        work = max(self.cache + self.compute, self.transient)
        return self.engine + self.weights + work

    @property
    def needed(self) -> int:
        """The least in which the run makes sense."""
        return self.own + self.kept

    @property
    def peak(self) -> int:
        """The most that the process will hold where nothing is short (VmHWM)."""
        return self.own + self.mapped


@dataclass(frozen=True)
class Record:
    """A run after it ran; what metrics read. ``record.json`` holds it without the generations."""

    plan: Mapping[str, Json]
    status: Literal["FINISHED", "FAILED", "KILLED"]
    cause: str | None
    started: float  #: Unix time, seconds
    stages: tuple[Stage, ...]
    generations: tuple[Generation, ...]
    facts: Facts | None
    parser: str | None = None  #: which read the answers, and why
    warmup: tuple[Generation, ...] = ()
    samples: Sequence[Mapping[str, float]] = ()
    """What the parent saw at most four times a second: ``t`` and sums since the start."""
    machine: Mapping[str, Json] = field(default_factory=dict)
    identity: str = ""  #: SHA-256 of what decided the run, its repeat left out
    reused: str | None = None  #: the run whose process had loaded the model already
    routing: tuple[Routing, ...] = ()  #: where it was counted
    cache: Mapping[str, Json] = field(default_factory=dict)
    """Of the weights' pages before the load: ``asked`` and ``effective``."""
    estimate: Mapping[str, Json] = field(default_factory=dict)
    """Of memory, before the run: the fields of ``Estimate`` and what was ``available``, in bytes;
    empty where it was unknown."""
    flags: tuple[str, ...] = ()  #: what the machine did that makes times less trustworthy
    notes: tuple[str, ...] = ()
    metrics: Mapping[str, Json] = field(default_factory=dict)
