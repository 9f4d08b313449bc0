"""The bundled model's tokenizer for a model of another vocabulary: further tokens are placeholders
that no text is encoded to."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.plugins import bundled
from infra.types import Json

BESIDE = ("tokenizer_config.json", "chat_template.jinja")


def folder() -> Path:
    """Where the tokenizer lies."""
    return bundled("plugins") / "tiny_moe" / "weights"


def ids() -> dict[str, Json]:
    """The special tokens that a config.json names."""
    config = json.loads((folder() / "config.json").read_text())
    return {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}


def write(target: Path, size: int) -> int:
    """The tokenizer's files, with ``size`` tokens or as many as it has itself; gives how many."""
    tokenizer = _tokenizer()
    known = tokenizer["model"]["vocab"]
    known |= {text: number for number, text in _more(len(known), size)}
    (target / "tokenizer.json").write_text(json.dumps(tokenizer))
    for name in BESIDE:
        shutil.copy(folder() / name, target / name)
    return len(known)


def describe(writer: Any, size: int) -> None:
    """The same into a ``gguf.GGUFWriter``."""
    from gguf import TokenType  # noqa: PLC0415  # slow to import

    tokenizer, special = _tokenizer(), ids()
    known = tokenizer["model"]["vocab"]
    added = {token["id"]: token["special"] for token in tokenizer["added_tokens"]}
    tokens = sorted(known, key=lambda text: int(known[text]))
    kinds = {True: TokenType.CONTROL, False: TokenType.USER_DEFINED, None: TokenType.NORMAL}
    types = [kinds[added.get(number)] for number in range(len(tokens))]
    more = [text for _, text in _more(len(tokens), size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens + more)
    writer.add_token_types(types + [TokenType.NORMAL] * len(more))
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(special["eos_token_id"])
    writer.add_pad_token_id(special["pad_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template((folder() / "chat_template.jinja").read_text())


def length(size: int) -> int:
    """Tokens of a model whose shape has ``size`` of them."""
    return max(size, len(_tokenizer()["model"]["vocab"]))


def _tokenizer() -> dict[str, Any]:
    tokenizer: dict[str, Any] = json.loads((folder() / "tokenizer.json").read_text())
    return tokenizer


def _more(known: int, size: int) -> Iterator[tuple[int, str]]:
    """Placeholders for the ids from ``known`` on."""
    return ((number, f"<{number}>") for number in range(known, size))
