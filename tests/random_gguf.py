"""Random mixture-of-experts models as GGUF, small and really computed with."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np

from conftest import GGUF

LAYERS, EXPERTS, HIDDEN, INNER, HEADS, WIDTH, LATENT, ROTATED = 3, 16, 256, 256, 4, 64, 64, 32
KIND = gguf.GGMLQuantizationType.Q8_0
#: bytes of an expert's gate, up and down: 34 for each 32 weights
EXPERT = 3 * HIDDEN * INNER // 32 * 34

COMMON = {
    "context_length": 4096, "embedding_length": HIDDEN, "block_count": LAYERS,
    "feed_forward_length": INNER, "attention.head_count": HEADS, "attention.key_length": WIDTH,
    "attention.value_length": WIDTH, "expert_count": EXPERTS, "expert_used_count": 4,
    "expert_feed_forward_length": INNER,
}  # fmt: skip
QWEN = {"attention.head_count_kv": 2}
DEEPSEEK = {
    "attention.head_count_kv": HEADS, "attention.kv_lora_rank": LATENT,
    "attention.q_lora_rank": LATENT,
    "rope.dimension_count": ROTATED, "leading_dense_block_count": 1, "expert_shared_count": 1,
}  # fmt: skip


class Writer:
    """Writes the parts that all of them have."""

    def __init__(self, path: Path, family: str, given: dict[str, int], parts: int = 1) -> None:
        self.path, self.parts = path, parts
        self.draw = np.random.default_rng(1).standard_normal
        self.file = gguf.GGUFWriter(path, family, split_max_tensors=20 if parts > 1 else 0)
        for key, value in (COMMON | given).items():
            self.file.add_uint32(f"{family}.{key}", value)
        self.file.add_float32(f"{family}.attention.layer_norm_rms_epsilon", 1e-6)
        fields = {key: field.contents() for key, field in gguf.GGUFReader(GGUF).fields.items()}
        self.file.add_tokenizer_model("gpt2")
        self.file.add_tokenizer_pre("qwen2")
        self.file.add_token_list(fields["tokenizer.ggml.tokens"])
        self.file.add_token_types(fields["tokenizer.ggml.token_type"])
        self.file.add_token_merges(fields["tokenizer.ggml.merges"])
        self.file.add_eos_token_id(2)
        self.add("token_embd", len(fields["tokenizer.ggml.tokens"]), HIDDEN, scale=1.0)
        self.ones("output_norm", HIDDEN)

    def add(self, name: str, *shape: int, scale: float = 0.1) -> None:
        data = gguf.quants.quantize((self.draw(shape) * scale).astype(np.float32), KIND)
        self.file.add_tensor(f"{name}.weight", data, raw_dtype=KIND)

    def ones(self, name: str, size: int) -> None:
        self.file.add_tensor(f"{name}.weight", np.ones(size, np.float32))

    def router(self, block: str) -> None:
        data: Any = self.draw((EXPERTS, HIDDEN)).astype(np.float32)
        self.file.add_tensor(f"{block}.ffn_gate_inp.weight", data)

    def close(self) -> Path:
        """The file, or the first of its parts."""
        self.file.write_header_to_file(self.path)
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()
        if self.parts == 1:
            return self.path
        found = sorted(self.path.parent.glob(f"{self.path.stem}-*"))
        assert len(found) == self.parts
        return found[0]


def qwen(path: Path, parts: int = 1) -> Path:
    """Gate and up apart, in every layer."""
    writer = Writer(path, "qwen3moe", QWEN, parts)
    for n in range(LAYERS):
        block = f"blk.{n}"
        for name, size in {"attn_norm": HIDDEN, "ffn_norm": HIDDEN, "attn_q_norm": WIDTH}.items():
            writer.ones(f"{block}.{name}", size)
        writer.ones(f"{block}.attn_k_norm", WIDTH)
        for name, rows in {"attn_q": HEADS, "attn_k": 2, "attn_v": 2, "attn_output": 4}.items():
            writer.add(f"{block}.{name}", rows * WIDTH, HIDDEN)
        writer.router(block)
        for name in ("gate", "up"):
            writer.add(f"{block}.ffn_{name}_exps", EXPERTS, INNER, HIDDEN)
        writer.add(f"{block}.ffn_down_exps", EXPERTS, HIDDEN, INNER)
    return writer.close()


def deepseek(path: Path) -> Path:
    """Gate and up fused, a first layer without experts, and an expert that all tokens share."""
    writer = Writer(path, "deepseek2", DEEPSEEK)
    for n in range(LAYERS):
        block = f"blk.{n}"
        for name, size in {
            "attn_norm": HIDDEN,
            "ffn_norm": HIDDEN,
            "attn_kv_a_norm": LATENT,
        }.items():
            writer.ones(f"{block}.{name}", size)
        writer.ones(f"{block}.attn_q_a_norm", LATENT)
        writer.add(f"{block}.attn_q_a", LATENT, HIDDEN)
        writer.add(f"{block}.attn_q_b", HEADS * WIDTH, LATENT)
        writer.add(f"{block}.attn_kv_a_mqa", LATENT + ROTATED, HIDDEN)
        writer.add(f"{block}.attn_kv_b", HEADS * (WIDTH - ROTATED + WIDTH), LATENT)
        writer.add(f"{block}.attn_output", HIDDEN, HEADS * WIDTH)
        kind = "_shexp" if n else ""
        for name in ("gate", "up", "down"):
            writer.add(f"{block}.ffn_{name}{kind}", INNER, HIDDEN)
        if n:
            writer.router(block)
            writer.add(f"{block}.ffn_gate_up_exps", EXPERTS, 2 * INNER, HIDDEN)
            writer.add(f"{block}.ffn_down_exps", EXPERTS, HIDDEN, INNER)
    return writer.close()
