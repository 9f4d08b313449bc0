"""Writes the trained model twice from the same weights: safetensors (bf16) and GGUF (f16)."""

import copy
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

GGUF_NAME = "tiny-moe-f16.gguf"
#: parts of a transformers parameter name -> the GGUF tensor's name within its block
BLOCK = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate": "ffn_gate_inp",
}
TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}


def export(model: Any, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write ``model``, rounded, in both formats under ``out``."""
    model = copy.deepcopy(model)
    for parameter in model.parameters():
        parameter.data = _both(parameter.data)
    write_gguf(model, tokenizer, out / GGUF_NAME)
    model.config.output_router_logits = False
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    _add_old_spellings(out / "config.json")


def _both(weight: torch.Tensor) -> torch.Tensor:
    """Rounded to numbers that bfloat16 and float16 both hold exactly."""
    rounded = weight.bfloat16().half().bfloat16()
    assert torch.equal(rounded.float(), rounded.half().float())
    return rounded.float()


def _add_old_spellings(path: Path) -> None:
    """mlx-lm reads ``num_experts`` and ``rope_theta`` where transformers 4 wrote them."""
    config = json.loads(path.read_text())
    config["num_experts"] = config.get("num_experts", config.get("num_local_experts"))
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_gguf(model: Any, tokenizer: PreTrainedTokenizerFast, path: Path) -> None:
    """One GGUF v3 file: matrices in f16, norms and the router in f32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "qwen3moe")
    _write_metadata(writer, model.config)
    _write_vocabulary(writer, tokenizer)
    for name, tensor in _tensors(model.state_dict()):
        small = tensor.ndim == 1 or name.endswith("ffn_gate_inp.weight")
        writer.add_tensor(name, tensor.astype(np.float32 if small else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_metadata(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_name("tiny-moe")
    writer.add_license("apache-2.0")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_expert_count(config.num_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _write_vocabulary(writer: gguf.GGUFWriter, tokenizer: PreTrainedTokenizerFast) -> None:
    fast = json.loads(tokenizer.backend_tokenizer.to_str())
    added = {token["id"]: token for token in fast["added_tokens"]}
    tokens = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    types = [_token_type(added.get(index)) for _, index in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(merge) for merge in fast["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)


def _token_type(added: dict[str, Any] | None) -> gguf.TokenType:
    if added is None:
        return gguf.TokenType.NORMAL
    return gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED


def _tensors(state: dict[str, torch.Tensor]) -> list[tuple[str, np.ndarray]]:
    """(GGUF name, float32 array) of every tensor; transformers keeps gate and up in one."""
    found: list[tuple[str, np.ndarray]] = []
    for name, tensor in state.items():
        array = tensor.float().numpy()
        stem = name.removesuffix(".weight")
        if stem in TOP:
            found.append((f"{TOP[stem]}.weight", array))
        elif stem.startswith("model.layers."):
            layer, part = stem.removeprefix("model.layers.").split(".", 1)
            found += [(f"blk.{layer}.{n}.weight", a) for n, a in _block(part, array)]
    return found


def _block(part: str, array: np.ndarray) -> list[tuple[str, np.ndarray]]:
    if part == "mlp.experts.gate_up_proj":
        gate, up = np.split(array, 2, axis=1)
        return [("ffn_gate_exps", gate), ("ffn_up_exps", up)]
    if part == "mlp.experts.down_proj":
        return [("ffn_down_exps", array)]
    return [(BLOCK[part], array)]
