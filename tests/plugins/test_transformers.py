"""The transformers engine: what it refuses, and that its facts tell the truth."""

import importlib
import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from infra import testing
from infra.errors import Refused
from infra.plugins import bundled, registry
from infra.protocols import Backend, Engine

WEIGHTS = bundled("plugins") / "tiny_moe" / "weights"
IDS = list(range(5, 60))
#: families that spell and nest K in their own ways, with what makes them tiny
FAMILIES = {
    "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 64, "head_dim": 16},
    "mixtral": {"num_local_experts": 4},
    "olmoe": {"num_experts": 4},
    "gpt_oss": {"num_local_experts": 4, "head_dim": 16},
    "ernie4_5_moe": {"moe_num_experts": 4, "moe_intermediate_size": 64, "moe_num_shared_experts": 0},
    "hunyuan_v1_moe": {"num_experts": 4, "moe_topk": 2, "head_dim": 16},
    "gemma4_text": {"num_experts": 4, "top_k_experts": 2, "enable_moe_block": True, "moe_intermediate_size": 64},
    "deepseek_v3": {"n_routed_experts": 4, "moe_intermediate_size": 64},
    "qwen3_vl_moe": {"num_experts": 4},
}

def backend() -> Backend:
    found: Backend = registry().get("infra_backends", "transformers")
    return found
