"""From a plan to a live model: device, dtype, active experts, quantization, residency."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
)

from infra.errors import Refused, nearest
from infra.plan import Plan

from . import experts, int8, residency

if TYPE_CHECKING:  # imported where it is asked for: it builds upon the library's insides
    from .layout import Weights
    from .streaming import Streams

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
#: who builds models; those for text and images are asked for text alone
BUILDERS = (
    (AutoModelForCausalLM, MODEL_FOR_CAUSAL_LM_MAPPING),
    (AutoModelForImageTextToText, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING),
)
#: how model families spell "experts that a token uses"
K_KEYS = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "num_selected_experts",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
)


def check(plan: Plan) -> None:
    """
    Raises:
        Refused: this machine or this version cannot do what the plan asks.
    """
    hush()
    device(plan.load.device)
    dtype(plan.load.dtype)
    context(plan)
    config = read_config(plan)
    builder(config)
    residency.check(plan, config)


def hush() -> None:
    """Progress bars and advice of the libraries stay off the terminal."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for chatty in ("torchao", "torch.utils._pytree"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def device(wanted: str) -> torch.device:
    """The device to compute on; ``auto`` takes CUDA, else MPS, else the CPU."""
    here = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    here += ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    names = {"auto": here[0], **{name.partition(":")[0]: name for name in reversed(here)}}
    if wanted not in (*names, *here):
        raise Refused(f"load.device={wanted} is not on this machine. {nearest(wanted, names)}")
    return torch.device(names.get(wanted, wanted))


def dtype(wanted: str) -> torch.dtype | str:
    """What from_pretrained takes; ``auto`` is the dtype that the checkpoint is stored in."""
    if wanted != "auto" and wanted not in DTYPES:
        raise Refused(f"load.dtype={wanted} is unknown. {nearest(wanted, ['auto', *DTYPES])}")
    return DTYPES.get(wanted, "auto")


def context(plan: Plan) -> int:
    """Tokens that a request may have."""
    tokens = plan.load.context or plan.model.context
    if tokens is None:
        raise Refused(f"{plan.model.path} does not say how long its context is: set load.context.")
    return tokens


def read_config(plan: Plan) -> Any:
    """The model's configuration, with K set as the plan asks."""
    with refusing(plan):
        config = AutoConfig.from_pretrained(
            plan.model.path,
            local_files_only=True,
            trust_remote_code=plan.model.trust_remote_code,
        )
    if plan.experts_active is not None:
        activate(config, plan.experts_active)
    return config


@contextmanager
def refusing(plan: Plan) -> Iterator[None]:
    """What from_pretrained says of files that it cannot read, as one sentence; too little memory
    is no fault of theirs."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # what its many readers raise
        said = " ".join(str(error).split())[:300]
        said = f"it lacks {said}" if isinstance(error, KeyError) else said
        if "trust_remote_code" in str(error):
            said = "it brings code of its own, which only model.trust_remote_code=true runs"
        who = f"transformers {transformers.__version__}"
        raise Refused(f"{who} cannot load {plan.model.path}: {said}") from error


def activate(config: Any, k: int) -> None:
    """Write K under every name that the text part of the configuration has for it."""
    text = config.get_text_config(decoder=True)
    for part in (text, getattr(text, "ffn_config", None)):  # DBRX has its experts in the latter
        for key in K_KEYS:
            if getattr(part, key, None) is not None:
                setattr(part, key, k)


def builder(config: Any) -> Any:
    """The Auto class that builds this model, whose module is imported on the way."""
    remote = getattr(config, "auto_map", {})
    for auto, mapping in BUILDERS:
        if auto.__name__ in remote or mapping.get(type(config), None):
            return auto
    who = f"transformers {transformers.__version__}"
    raise Refused(f"{who} cannot generate text with models of type {config.model_type!r}.")


def load(plan: Plan) -> "tuple[Any, Streams | None]":
    """The model in evaluation mode, on its device, and the experts that stay in its files, if they
    are streamed. No pickled weights, no downloads.

    Raises:
        Refused: the files are not whole, or do not fit the model.
    """
    if plan.load.threads is not None:
        torch.set_num_threads(plan.load.threads)
    config = read_config(plan)
    auto = builder(config)
    _check_experts_seen(plan, config, auto)
    if plan.experts.residency == "stream":
        return _streamed(plan, config, auto)
    if plan.experts.residency == "mmap":
        _, weights = _find_experts(plan, config, auto)
        every = [each for layer in weights.values() for each in layer]
        residency.check_mapped(plan, device(plan.load.device), every)
    options = int8.options(config, auto) if plan.quantization == "q8" else {}
    model = _read(plan, config, auto, options)
    if plan.quantization == "q8":
        int8.compute_buffers(model)
    model = model.to(device(plan.load.device)).eval()
    if plan.experts.residency == "resident":
        residency.take_in(residency.fused(model))
    return model, None


def _read(plan: Plan, config: Any, model_class: Any, options: dict[str, Any]) -> Any:
    """The model, all of whose weights were in the files."""
    with refusing(plan):
        model, found = model_class.from_pretrained(
            plan.model.path,
            config=config,
            dtype=dtype(plan.load.dtype),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=plan.model.trust_remote_code,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # it would say which ones in its log alone
            **options,
        )
    if found["mismatched_keys"]:
        name, held, needed = min(found["mismatched_keys"])
        raise Refused(
            f"{plan.model.path} does not fit its config.json: {name} has the shape {list(held)}, "
            f"and the model needs {list(needed)}."
        )
    if found["missing_keys"]:  # transformers would fill them with random numbers
        missing = ", ".join(sorted(found["missing_keys"])[:3])
        raise Refused(f"{plan.model.path} lacks weights that the model needs: {missing}.")
    return model


def _streamed(plan: Plan, config: Any, auto: Any) -> "tuple[Any, Streams]":
    from . import streaming

    model_class, weights = _find_experts(plan, config, auto)
    hollow = streaming.without_experts(model_class)
    model = _read(plan, config, hollow, {"experts_implementation": streaming.NAME})
    model = model.to(device(plan.load.device)).eval()
    # mapped, they would be dropped for the experts that pass by, and read again for every token
    residency.take_in(model.parameters())
    return model, streaming.Streams(model, weights, plan.experts.io_threads)


def _check_experts_seen(plan: Plan, config: Any, auto: Any) -> None:
    """
    Raises:
        Refused: nobody could tell whether K is in effect, or where tokens are routed to.
    """
    asked = {"experts.active": plan.experts_active, "experts.telemetry": plan.experts.telemetry}
    key = next((key for key, value in asked.items() if value and plan.model.experts), None)
    if key and experts.count(skeleton := _hollow(config, auto)) is None:
        raise Refused(
            f"{key}: transformers {transformers.__version__} computes the experts of "
            f"{type(skeleton).__name__} in a way that does not show which ones a token uses. Leave "
            "it out, or try backend=llama_cpp with a GGUF of the model."
        )


def _hollow(config: Any, auto: Any) -> Any:
    """The model without its weights."""
    with torch.device("meta"):
        return auto.from_config(config)


def _find_experts(plan: Plan, config: Any, auto: Any) -> "tuple[type, dict[str, list[Weights]]]":
    """The model's class, and where the weights of its experts are."""
    from . import layout

    skeleton = _hollow(config, auto)
    residency.check_model(plan, skeleton)
    with refusing(plan):
        return type(skeleton), layout.find(skeleton, Path(plan.model.path))
