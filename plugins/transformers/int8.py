"""``quantization=q8``: torchao's 8-bit integers with one scale per row, fused experts included.

torchao quantizes what is named to it, and transformers by itself names only ``nn.Linear``, which
leaves most of a mixture of experts as it was. So each matrix is named here, read from a copy of
the model without weights.
"""

from collections.abc import Iterator
from typing import Any

import torch

from .experts import is_experts


def options(config: Any, auto: Any) -> dict[str, Any]:
    """What from_pretrained takes to quantize while it reads, one matrix at a time."""
    from torchao.quantization import FqnToConfig, Int8WeightOnlyConfig

    from transformers import TorchAoConfig

    scheme = FqnToConfig({name: Int8WeightOnlyConfig(version=2) for name in matrices(config, auto)})
    # the other implementations of experts multiply in ways that torchao's tensors do not know
    return {
        "quantization_config": TorchAoConfig(scheme, include_input_output_embeddings=True),
        "experts_implementation": "eager",
    }


def matrices(config: Any, auto: Any) -> Iterator[str]:
    """Full names of the weights of linear layers, embeddings and fused experts."""
    with torch.device("meta"):
        skeleton = auto.from_config(config)
    for path, module in skeleton.named_modules():
        plain = isinstance(module, torch.nn.Linear | torch.nn.Embedding)
        for name, parameter in module.named_parameters(recurse=False):
            if (plain and name == "weight") or (is_experts(module) and parameter.ndim == 3):
                yield f"{path}.{name}"
