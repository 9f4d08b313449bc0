"""Text to token ids and back."""

from infra.plan import Plan
from infra.protocols import Engine
from infra.testing.models import PROMPTS, take, tokenizer_of


def encodes_like_transformers(engine: Engine, plan: Plan) -> None:
    tokenizer = tokenizer_of(plan)
    for prompt in PROMPTS:
        text = tokenizer.apply_chat_template(
            list(prompt.messages),
            tools=list(prompt.tools) or None,
            add_generation_prompt=True,
            tokenize=False,
        )
        expected = tokenizer.encode(text, add_special_tokens=False)
        assert engine.encode(prompt) == expected, prompt.id


def decodes_like_transformers(engine: Engine, plan: Plan) -> None:
    """Nearly uniform draws: split characters, broken UTF-8 and special tokens all come up."""
    tokens = take(engine, engine.encode(PROMPTS[0]), 300, temperature=100.0, seed=3)
    whole = tokenizer_of(plan).decode([token.id for token in tokens], skip_special_tokens=False)
    seen = "".join(token.text for token in tokens).replace("\ufffd", "")
    assert seen
    assert whole.replace("\ufffd", "").startswith(seen)
