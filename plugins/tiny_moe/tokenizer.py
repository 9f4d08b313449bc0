"""The tokenizer of tiny-moe: byte-level BPE with Qwen2's pre-tokenizer (``qwen2`` in a GGUF).

Merges are learned from words cut off from spaces, quotes and brackets. A value then has the same
tokens in the question and in the JSON, which is what lets so small a model learn to copy it.
"""

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 1024
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKERS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
LEARNED = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s"
#: the published pattern of Qwen2's tokenizer
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _cut(pattern: str) -> pre_tokenizers.PreTokenizer:
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), as_bytes])


def learn(texts: Iterable[str], chat_template: str) -> PreTrainedTokenizerFast:
    """A tokenizer of VOCABULARY tokens learned from ``texts``."""
    bpe = Tokenizer(models.BPE())
    bpe.decoder = decoders.ByteLevel()
    bpe.pre_tokenizer = _cut(LEARNED)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL + MARKERS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.pre_tokenizer = _cut(QWEN2)
    bpe.add_tokens([AddedToken(marker, special=False, normalized=False) for marker in MARKERS])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=chat_template,
        clean_up_tokenization_spaces=False,
    )
