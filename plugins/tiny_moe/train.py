"""Trains tiny-moe from nothing on a CPU and writes it as safetensors and GGUF.

    python plugins/tiny_moe/train.py OUT [--steps 3000] [--seed 0] [--start CHECKPOINT]

Needs the extra ``transformers`` and the package ``gguf``. What made it learn: many turns under one
system message, values from an open vocabulary, merges that stay inside words (tokenizer.py), a
short first phase of repeated random segments, short rows with few tools, Muon for the attention,
and a loss on the answers only. A run that goes on from a checkpoint has some random segments again,
so that every token can be copied, and a loss that gives the second expert its part.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen3MoeConfig,
)

from corpus import EASY, HARD, TRAINING, Sampler, Style, Turn, prompts
from export import export
from tokenizer import learn
from tools import TOOLS

#: until this step: repeated random segments; short rows; after both, full rows
COPYING, SHORT = 120, 500
#: (rows, tokens in a row, fewest and most tools) of a batch
SHORT_BATCH, FULL_BATCH = (10, 384, (1, 2)), (4, 1024, TRAINING.tools)
ADAM_RATE, MUON_RATE = 2e-3, 1e-2
#: for a run that goes on from a checkpoint: its share of these rates; every so many steps, one of
#: repeated random segments; weight of the squared gap between a router's two highest logits, which
#: keeps the second expert in play
SLOWER, REPEAT, ROUTER_GAP = 0.5, 12, 3e-3
HERE = Path(__file__).parent


def asked(text: str) -> str:
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def answered(text: str) -> str:
    return f"{text}<|im_end|>\n"


def written(turn: Turn) -> str:
    """The assistant's text for ``turn``: its calls as Hermes writes them, or its answer."""
    calls = (f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in turn.calls)
    return "\n".join(calls) if turn.calls else turn.answer


def exchanges(sampler: Sampler, offered: list[str]) -> Iterator[tuple[str, str]]:
    """Endless (prompt, answer) pairs; one turn in eight goes on with the tools' results."""
    while True:
        turn = sampler.turn(offered)
        yield asked(turn.question), answered(written(turn))
        if turn.calls and sampler.rng.random() < 0.125:
            results = [sampler.result(call) for call in turn.calls]
            replies = (f"<tool_response>\n{returned}\n</tool_response>" for returned, _ in results)
            yield asked("\n".join(replies)), answered(" ".join(said for _, said in results))


class Rows:
    """Training rows: one system message, then turns until the row is full."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self.tokenizer, self.rng = tokenizer, random.Random(seed)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def row(self, count: int, length: int) -> tuple[list[int], list[int]]:
        sampler = Sampler(self.rng, replace(TRAINING, tools=(count, count)))
        offered = sampler.offered() if self.rng.random() > 0.03 else []
        ids = self._ids(system(self.tokenizer, offered))
        labels = [-100] * len(ids)
        for prompt, answer in exchanges(sampler, offered) if offered else talk(sampler):
            a, b = self._ids(prompt), self._ids(answer)
            if len(ids) + len(a) + len(b) > length:
                return ids, labels
            ids, labels = ids + a + b, labels + [-100] * len(a) + b
        raise AssertionError("exchanges never end")

    def batch(
        self, count: int, length: int, tools: tuple[int, int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and labels, both int64 of shape (count, at most length)."""
        offered = self.rng.randint(*tools)
        rows = [self.row(offered, length) for _ in range(count)]
        width = max(len(ids) for ids, _ in rows)
        ids, labels = torch.zeros(count, width, dtype=torch.long), torch.full((count, width), -100)
        for i, (a, b) in enumerate(rows):
            ids[i, : len(a)], labels[i, : len(b)] = torch.tensor(a), torch.tensor(b)
        return ids, labels


def talk(sampler: Sampler) -> Iterator[tuple[str, str]]:
    while True:
        turn = sampler.asks_nothing([])
        yield asked(turn.question), answered(turn.answer)


def system(tokenizer: PreTrainedTokenizerFast, offered: list[str]) -> str:
    """The chat template's system message that offers the tools; empty without any."""
    tools = [TOOLS[name] for name in offered] or None
    user = [{"role": "user", "content": ""}]
    text: str = tokenizer.apply_chat_template(user, tools=tools, tokenize=False)
    return text.removesuffix("<|im_start|>user\n<|im_end|>\n")


def repeated(generator: torch.Generator, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A copying exercise: a random segment three times over, the repeats labelled."""
    length = int(torch.randint(16, 65, (1,), generator=generator))
    segment = torch.randint(7, vocabulary, (24, length), generator=generator)
    ids = torch.cat([segment] * 3, 1)
    labels = ids.clone()
    labels[:, :length] = -100
    return ids, labels


def new_model(tokenizer: PreTrainedTokenizerFast) -> Any:
    return AutoModelForCausalLM.from_config(
        Qwen3MoeConfig(
            vocab_size=len(tokenizer), hidden_size=256, intermediate_size=256,
            moe_intermediate_size=256, num_hidden_layers=3, num_attention_heads=8,
            num_key_value_heads=4, head_dim=32, num_experts=8, num_experts_per_tok=2,
            norm_topk_prob=True, max_position_embeddings=4096, tie_word_embeddings=True,
            output_router_logits=True, router_aux_loss_coef=0.01, use_cache=True,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
        ),
        experts_implementation="eager",
    )  # fmt: skip


@torch.inference_mode()
def exact(model: Any, tokenizer: PreTrainedTokenizerFast, seed: int, n: int, style: Style) -> float:
    """Share of ``n`` prompts whose calls are all right, name and arguments; greedy decoding."""
    model.eval()
    right = 0
    for row in prompts(seed, n, style):
        ids = tokenizer.apply_chat_template(
            row["messages"], tools=row["tools"], add_generation_prompt=True, return_tensors="pt",
            return_dict=False,
        )  # fmt: skip
        out = model.generate(ids, max_new_tokens=200, do_sample=False)
        said = tokenizer.decode(out[0, ids.shape[1] :]).removesuffix("<|im_end|>")
        right += calls_in(said) == row["expected"]
    model.train()
    return right / n


def calls_in(text: str) -> list[Any] | None:
    try:
        return [json.loads(part.split("</tool_call>")[0]) for part in text.split("<tool_call>")[1:]]
    except ValueError:
        return None


def optimizers(model: Any, scale: float) -> list[torch.optim.Optimizer]:
    """Muon for the attention matrices, AdamW for all the rest, at ``scale`` of the peak rates."""
    attention = {n: p for n, p in model.named_parameters() if "self_attn" in n and p.ndim == 2}
    rest = [p for n, p in model.named_parameters() if n not in attention]
    return [
        torch.optim.AdamW(rest, lr=scale * ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.05),
        torch.optim.Muon(attention.values(), lr=scale * MUON_RATE, weight_decay=0.05),
    ]


def rate(step: int, steps: int) -> float:
    """The share of the peak learning rate: a short warm-up, then a cosine down to 3 %."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1, (step + 1) / 60) * (0.97 * cosine + 0.03)


def loss_of(model: Any, ids: torch.Tensor, labels: torch.Tensor, gap: float) -> torch.Tensor:
    """Cross-entropy on the labels, plus load balancing, plus ``gap`` times the routers' gaps."""
    out = model(input_ids=ids, labels=labels)
    first, second = torch.stack(out.router_logits).float().topk(2).values.unbind(-1)
    loss: torch.Tensor = out.loss + gap * (first - second).square().mean()
    return loss


def train(model: Any, tokenizer: PreTrainedTokenizerFast, args: argparse.Namespace) -> None:
    rows, generator = Rows(tokenizer, args.seed), torch.Generator().manual_seed(args.seed)
    used = optimizers(model, SLOWER if args.start else 1)
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda s: rate(s, args.steps)) for o in used]
    gap = ROUTER_GAP if args.start else 0
    start = time.monotonic()
    for step in range(1, args.steps + 1):
        if step % REPEAT == 0 if args.start else step <= COPYING:
            ids, labels = repeated(generator, len(tokenizer))
        else:
            ids, labels = rows.batch(*(FULL_BATCH if args.start or step > SHORT else SHORT_BATCH))
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.float32):
            loss = loss_of(model, ids, labels, gap)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(used, schedules, strict=True):
            optimizer.step()
            schedule.step()
        model.zero_grad()
        if step % 50 == 0:
            print(f"step {step} loss {loss:.4f} {time.monotonic() - start:.0f} s", flush=True)
        if step % 500 == 0 and step < args.steps:
            export(model, tokenizer, args.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--float32", action="store_true", help="if the CPU lacks bfloat16: faster")
    parser.add_argument("--start", type=Path, help="go on from a checkpoint, at half the rate")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer, model = loaded(args.start) if args.start else new(args.seed)
    train(model, tokenizer, args)
    export(model, tokenizer, args.out)
    for name, style in (("easy", EASY), ("hard", HARD)):
        print(f"{name}: exact on 300 held-out prompts {exact(model, tokenizer, 1, 300, style):.3f}")


def new(seed: int) -> tuple[PreTrainedTokenizerFast, Any]:
    """A tokenizer learned from the corpus, and a model with random weights."""
    sampler = Sampler(random.Random(seed + 1), TRAINING)
    texts = (text for _ in range(600) for text in corpus_text(sampler))
    tokenizer = learn(texts, (HERE / "chat_template.jinja").read_text())
    return tokenizer, new_model(tokenizer)


def loaded(path: Path) -> tuple[PreTrainedTokenizerFast, Any]:
    """A checkpoint of this script, in float32."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    model.config.output_router_logits = True
    return AutoTokenizer.from_pretrained(path), model.train()


def corpus_text(sampler: Sampler) -> Iterator[str]:
    """What the tokenizer is learned from: schemas, then some turns."""
    offered = sampler.offered()
    yield "\n".join(json.dumps(TOOLS[name]) for name in offered)
    pairs = exchanges(sampler, offered)
    yield from (text for _ in range(6) for text in next(pairs))


if __name__ == "__main__":
    main()
