"""How fast tool calls are read, beside mlx-lm's own parsers.

    python benchmarks/parsers.py [--repeats 5] [--parsers hermes mistral]

One example of each format, a whole call, again and again up to 256 KB: read at once (MB/s) and in
pieces of 4 characters, about a token each (microseconds a piece). mlx-lm is given the same string,
already cut at its own markers: its parsers read what stands between them and nothing else. All
figures are medians of processor time, in Markdown. `hostile.py` looks for texts that take long.
"""

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugins" / "toolcalls"))

from cases import Case
from collected import PARSERS, examples

from infra.calls.events import total
from infra.types import Reply, ToolSchema

SIZE, TOKEN = 256 * 1024, 4
#: mlx-lm's module for a format
MLX = {
    "hermes": "json_tools", "qwen3_coder": "qwen3_coder", "mistral": "mistral", "lfm2": "pythonic",
    "kimi_k2": "kimi_k2", "kimi_k3": "kimi_k3", "glm45": "glm47", "glm47": "glm47",
    "poolside_v1": "laguna", "longcat": "longcat", "minicpm5": "minicpm5",
    "minimax_m2": "minimax_m2", "muse_glimmer": "muse_spark", "functiongemma": "function_gemma",
    "gemma4": "gemma4",
}  # fmt: skip


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """The median time of one run, of this process alone."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def streamed(name: str, text: str, size: int = TOKEN) -> Reply:
    """What ``text`` says, read in pieces."""
    stream = PARSERS[name].stream()
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    events = [event for piece in pieces for event in stream.feed(piece)]
    return total([*events, *stream.close()])


def typical(cases: list[Case]) -> Case | None:
    """The first example that is one whole call with arguments and nothing else."""
    return next((case for case in cases if _is_plain(case)), None)


def _is_plain(case: Case) -> bool:
    reply = case.reply
    spoken = reply.content or reply.reasoning or case.problem or case.starts_in_reasoning
    return not spoken and len(reply.calls) == 1 and bool(reply.calls[0].arguments)


def row(name: str, case: Case, repeats: int) -> list[str]:
    """A format's row of the table."""
    copies = SIZE // len(case.text)
    texts = [case.text * copies]
    if len(PARSERS[name].parse(texts[0], case.tools).calls) != copies:
        texts = [case.text] * copies  # a text of this format cannot be said twice in a row
    size = sum(len(text.encode(errors="replace")) for text in texts) / 1e6
    tokens = sum(len(text) for text in texts) / TOKEN
    whole = seconds(lambda: [PARSERS[name].parse(text, case.tools) for text in texts], repeats)
    pieces = seconds(lambda: [streamed(name, text) for text in texts], repeats)
    cells = [name, f"{size / whole:.1f}", f"{pieces / tokens * 1e6:.2f}"]
    theirs = mlx(MLX[name], "".join(texts), case.tools) if name in MLX else None
    return cells + ([MLX[name], f"{size / seconds(theirs, repeats):.1f}"] if theirs else ["", ""])


def mlx(module: str, text: str, tools: tuple[ToolSchema, ...]) -> Callable[[], object] | None:
    """mlx-lm's parser on each stretch between its markers, if it can read them."""
    parser = importlib.import_module(f"mlx_lm.tool_parsers.{module}")
    opener, closer, read = parser.tool_call_start, parser.tool_call_end, parser.parse_tool_call
    parts = text.split(opener)[1:]
    inner = [part.split(closer)[0] if closer else part for part in parts]

    def work() -> None:
        for part in inner:
            read(part, list(tools))

    try:
        work()
    except Exception as error:  # its parsers raise whatever json, re and ast do
        print(f"mlx-lm's {module} cannot read {inner[0][:60]!r}: {error!r}", file=sys.stderr)
        return None
    return work if inner else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parsers", nargs="*", default=list(PARSERS), choices=list(PARSERS))
    args = parser.parse_args()
    known = examples()
    print("| parser | MB/s | µs a token | mlx-lm | MB/s |\n|---|---|---|---|---|")
    for name in args.parsers:
        if case := typical(known[name]):
            print(f"| {' | '.join(row(name, case, args.repeats))} |", flush=True)


if __name__ == "__main__":
    main()
