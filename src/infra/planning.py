"""From a configuration to a plan: all that can be checked before an engine is touched."""

import math
import os

from infra import prompts, tracking, weights
from infra.calls import constraint, toolbox
from infra.configuration import schema
from infra.configuration.schema import Config
from infra.errors import Refused, nearest
from infra.plan import Constraint, Experts, Load, Plan, PromptSet, Tracking, Weights
from infra.plugins import Registry
from infra.protocols import Backend
from infra.resources import limits, machine
from infra.types import Prompt, Sampling

ISOLATIONS = ("reuse", "fresh", "none")
ORDERS = ("load", "given")
CACHES = ("asis", "warm", "cold")
RESIDENCIES = ("resident", "mmap", "stream")
PREFLIGHTS = ("refuse", "warn", "off")
QUANTIZATIONS = ("stored", "none", "q8", "q4", "q3", "q2")


def build(config: Config, registry: Registry) -> tuple[Plan, list[Prompt]]:
    """The plan of one run and its prompts.

    Raises:
        Refused: the first thing that stands against it, in one sentence.
    """
    backend: Backend = registry.get("infra_backends", config.backend.name)
    _check_installed(config.backend.name, backend)
    _check_quantization(config, backend, registry)
    _check_words(config)
    memory = _memory(config)
    sampling, tracked = _sampling(config), Tracking(**vars(config.tracking))
    tracking.check(tracked)
    prompt_set, asked = prompts.load(prompt=config.prompt, **vars(config.prompts))
    if config.tools.parser != "auto":
        registry.get("infra_parsers", config.tools.parser)
    tools = toolbox.planned(config.tools, asked)
    functions = toolbox.functions(tools, registry)
    asked = [toolbox.offered(prompt, functions) for prompt in asked]
    wanted = config.model, config.backend.name, backend, config.quantization.scheme
    if announced := weights.announced(*wanted):
        _check_model(config, announced)
    model = weights.resolve(*wanted)
    _check_model(config, model)
    held = constraint.planned(config, asked)
    plan = Plan(
        model=model,
        backend=config.backend.name,
        quantization=config.quantization.scheme,
        prompts=prompt_set,
        experts_active=config.experts.active,
        experts=_experts(config.experts),
        memory=memory,
        preflight=config.preflight,
        sampling=sampling,
        load=Load(**vars(config.load)),
        tools=tools,
        constraint=held,
        tracking=tracked,
        warmup=config.warmup,
        repeat=config.repeat,
        cache=config.cache,
        isolation="fresh" if config.cache == "cold" else config.isolation,
        sweep=config.sweep,
        cell=config.cell,
        timeout=config.timeout,
        name=config.name,
        versions=machine.versions(("infra", *backend.distributions)),
        plugins=_plugins_in_use(config, registry),
        machine=machine.machine_id(),
    )
    return plan, asked


def sketch(config: Config) -> Plan:
    """The plan of a run that cannot be: what was asked for, and nothing that was looked up."""
    return Plan(
        model=Weights(config.model.name, config.model.path or "", ""),
        backend=config.backend.name,
        quantization=config.quantization.scheme,
        prompts=PromptSet(config.prompts.file or "", "", 0),
        experts_active=config.experts.active,
        experts=_experts(config.experts),
        memory=_memory_asked(config),
        preflight=config.preflight,
        sampling=Sampling(
            **{**vars(config.sampling), "stop": tuple(config.sampling.stop)}, seed=config.seed
        ),
        load=Load(**vars(config.load)),
        constraint=Constraint(config.constraint.kind),
        tracking=Tracking(**vars(config.tracking)),
        repeat=config.repeat,
        cache=config.cache,
        sweep=config.sweep,
        cell=config.cell,
        name=config.name,
        machine=machine.machine_id(),
    )


def _check_installed(name: str, backend: Backend) -> None:
    missing = set(backend.distributions) - set(machine.versions(backend.distributions))
    if missing:
        raise Refused(
            f"backend={name} needs {' and '.join(sorted(missing))}, not installed here: "
            f"pip install 'infra[{backend.extra}]'"
        )


def _check_quantization(config: Config, backend: Backend, registry: Registry) -> None:
    scheme = config.quantization.scheme
    if scheme in backend.quantizations:
        return
    able = [
        name
        for name, offer in registry.offers["infra_backends"].items()
        if scheme in offer.value.quantizations
    ]
    if not able:
        raise Refused(f"No quantization is called {scheme!r}. {nearest(scheme, QUANTIZATIONS)}")
    raise Refused(
        f"backend={config.backend.name} cannot do quantization={scheme}; "
        f"it can do {', '.join(sorted(backend.quantizations))}, and {scheme} works with "
        f"backend={' or backend='.join(able)}."
    )


def _check_words(config: Config) -> None:
    known = {"isolation": ISOLATIONS, "order": ORDERS, "cache": CACHES, "preflight": PREFLIGHTS}
    for key, words in known.items():
        if (word := getattr(config, key)) not in words:
            raise Refused(f"{key}={word} is not known. {nearest(word, words)}")
    if config.isolation == "none" and config.timeout is not None:
        raise Refused("timeout needs a process that can be ended: leave out isolation=none.")
    if config.retries < 0:
        raise Refused(f"retries={config.retries} must be at least 0.")


def _memory(config: Config) -> int | None:
    """The limit of memory in bytes, which can be set here."""
    text = config.limits.memory
    if text is None:
        return None
    if config.isolation == "none":
        raise Refused("limits.memory needs a process of its own: leave out isolation=none.")
    if config.cache == "warm":
        raise Refused(
            "cache=warm reads the weights where limits.memory does not count them: leave one out."
        )
    limits.check(limit := limits.parse(text))
    return limit


def _memory_asked(config: Config) -> int | None:
    """The same of a run that is refused, maybe for this."""
    try:
        return limits.parse(config.limits.memory) if config.limits.memory else None
    except Refused:
        return None


def _experts(given: schema.Experts) -> Experts:
    fields = {key: value for key, value in vars(given).items() if key != "active"}
    return Experts(**fields)


def _sampling(config: Config) -> Sampling:
    given = config.sampling
    rules = {
        "temperature": (given.temperature >= 0, "at least 0"),
        "top_k": (given.top_k >= 0, "at least 0 (0: off)"),
        "top_p": (0 < given.top_p <= 1, "above 0 and at most 1"),
        "min_p": (0 <= given.min_p <= 1, "from 0 to 1"),
        "repetition_penalty": (given.repetition_penalty > 0, "above 0 (1: off)"),
        "max_tokens": (given.max_tokens >= 1, "at least 1"),
    }
    for key, (right, rule) in rules.items():
        if not (right and math.isfinite(getattr(given, key))):
            raise Refused(f"sampling.{key}={getattr(given, key)} must be {rule}.")
    if odd := [each for each in given.stop if not isinstance(each, str)]:
        raise Refused(f"sampling.stop holds {odd[0]!r}, not text: write sampling.stop=[a,b].")
    if "" in given.stop:
        raise Refused("sampling.stop holds an empty string, which would stop nothing.")
    if config.timeout is not None and not 0 < config.timeout < math.inf:
        raise Refused(f"timeout={config.timeout} must be a number of seconds above 0.")
    if config.warmup < 0:
        raise Refused(f"warmup={config.warmup} must be at least 0.")
    return Sampling(**{**vars(given), "stop": tuple(given.stop)}, seed=config.seed)


def _check_model(config: Config, model: Weights) -> None:
    _check_experts(config.experts, model)
    _check_load(config.load, model)


def _check_experts(experts: schema.Experts, model: Weights) -> None:
    _check_residency(experts, model)
    active = experts.active
    if active is None:
        return
    if model.experts is None:
        raise Refused(
            f"experts.active={active} was asked for, but model {model.name} is dense: "
            "it has no experts to choose. Leave experts.active out."
        )
    if not 1 <= active <= model.experts:
        raise Refused(
            f"experts.active={active} is out of range: model {model.name} has {model.experts} "
            f"experts a layer and uses {model.experts_used} of them; choose 1 to {model.experts}."
        )


def _check_residency(experts: schema.Experts, model: Weights) -> None:
    residency = experts.residency
    if residency not in (None, *RESIDENCIES):
        raise Refused(
            f"experts.residency={residency} is not known. {nearest(residency, RESIDENCIES)}"
        )
    if experts.io_threads < 1:
        raise Refused(f"experts.io_threads={experts.io_threads} must be at least 1.")
    if experts.pin < 0:
        raise Refused(f"experts.pin={experts.pin} must be at least 0 MB.")
    if experts.telemetry and model.experts is None:
        raise Refused(
            f"experts.telemetry=true was asked for, but model {model.name} is dense: no token is "
            "routed anywhere. Leave it out."
        )
    if experts.pin and residency != "stream":
        raise Refused(f"experts.pin={experts.pin} needs experts.residency=stream.")
    if residency == "stream" and model.experts is None:
        raise Refused(
            f"experts.residency=stream was asked for, but model {model.name} is dense: every "
            "token needs all of its weights. Leave it out, or try experts.residency=mmap."
        )


def _check_load(load: schema.Load, model: Weights) -> None:
    for key in ("threads", "batch"):
        value = getattr(load, key)
        if value is not None and value < 1:
            raise Refused(f"load.{key}={value} must be at least 1.")
    if load.gpu_layers is not None and load.gpu_layers < -1:
        raise Refused(f"load.gpu_layers={load.gpu_layers} must be at least -1 (-1: all).")
    cpus = os.cpu_count() or 1
    if load.threads is not None and load.threads > cpus:
        raise Refused(f"load.threads={load.threads} is more than the {cpus} CPUs of this machine.")
    context = load.context
    if context is not None and not 1 <= context <= (model.context or context):
        raise Refused(
            f"load.context={context} is out of range: model {model.name} was made for "
            f"{model.context} tokens."
        )


def _plugins_in_use(config: Config, registry: Registry) -> dict[str, str]:
    offers = [registry.offers["infra_backends"][config.backend.name]]
    offers += registry.offers["infra_parsers"].values()
    offers += registry.offers["infra_judges"].values()
    offers += [registry.offers["infra_tools"][name] for name in config.tools.run]
    return {offer.plugin.name: offer.plugin.sha256 for offer in offers}
