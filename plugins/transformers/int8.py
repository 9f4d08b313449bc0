"""``quantization=q8``: torchao's 8-bit integers with one scale per row, fused experts included.

torchao quantizes what is named to it, and transformers by itself names only ``nn.Linear``, which
leaves most of a mixture of experts as it was. So each matrix is named here, read from a copy of
the model without weights.
"""

from collections.abc import Iterator
from typing import Any

import torch

from infra.errors import Refused

from .experts import is_experts, takes_all


def options(config: Any, auto: Any) -> dict[str, Any]:
    """What from_pretrained takes to quantize while it reads, one matrix at a time.

    Raises:
        Refused: torchao cannot compute with this model's experts.
    """
    from torchao.quantization import FqnToConfig, Int8WeightOnlyConfig
    from transformers import TorchAoConfig

    with torch.device("meta"):
        skeleton = auto.from_config(config)
    names = FqnToConfig({name: Int8WeightOnlyConfig(version=2) for name in matrices(skeleton)})
    return {
        "quantization_config": TorchAoConfig(names, include_input_output_embeddings=True),
        # the other ways to compute experts multiply as torchao's tensors cannot
        "experts_implementation": "eager",
    }


def matrices(model: Any) -> Iterator[str]:
    """Full names of the weights of linear layers, embeddings and fused experts."""
    for path, module in model.named_modules():
        if getattr(module, "is_transposed", False) or takes_all(module):
            raise Refused(
                f"quantization=q8: torchao cannot compute with the experts of "
                f"{type(model).__name__}, which are stored by column. Try another backend."
            )
        plain = isinstance(module, torch.nn.Linear | torch.nn.Embedding)
        for name, parameter in module.named_parameters(recurse=False):
            if (plain and name == "weight") or (is_experts(module) and parameter.ndim == 3):
                yield f"{path}.{name}"


def compute_buffers(model: Any) -> None:
    """Fill the buffers that no file holds, such as the scale of Gemma's embeddings.

    transformers takes a module for complete as soon as torchao has quantized its weight, and
    leaves its buffers as uninitialized memory.
    """
    for module in model.modules():
        if next(module.buffers(recurse=False), None) is not None:
            module._is_hf_initialized = False
    model.initialize_weights()
