"""``infra gate BASELINE [CANDIDATE]``: for CI, whether a candidate is worse than a baseline.

infra gate BASELINE [CANDIDATE] --metric decode_tps --tolerance 5% [--metric M --tolerance 2pt …]
infra gate --save FILE.jsonl SELECTION

A selection is one word, or several with ``vs`` between baseline and candidate: a part of a run's
name, ``last``, ``sweep``, a filter such as ``experts.active=2``, or an exported file.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from infra.answers import concerns, gate
from infra.answers.compare import common, findings
from infra.answers.sides import Side, chosen, save, side, split
from infra.console import Console
from infra.errors import Refused
from infra.verbs.options import Options

USAGE = (
    "gate takes a baseline and maybe a candidate, one word each: infra gate base.jsonl sweep "
    "--metric decode_tps --tolerance 5%; or several words with vs between them: infra gate "
    "base.jsonl vs sweep experts.active=2 --metric decode_tps --tolerance 5%."
)


def main(arguments: list[str]) -> int:
    """Print one line a metric; 0 all are fine, 1 one is worse, 3 it cannot be told."""
    options = _read(arguments)
    if options.save:
        return _save(options.save, options.words)
    base, new = _sides(options.words)
    rules = gate.rules(options.metric, options.tolerance, base.kinds)
    concerns.check_apart(base, new)
    console = Console()
    apart = concerns.set_up_apart(new, base)
    for concern in (*apart, *concerns.concerns(new, base, common(new, base))):
        console.warn(concern)
    found = {each.metric: each for each in findings(new, base, options.metric)}
    for rule in rules:
        print(rule.line(found.get(rule.metric)))
    verdicts = {rule.verdict(found.get(rule.metric)) for rule in rules}
    worst = next(word for word in (gate.WORSE, gate.UNSURE, gate.FINE) if word in verdicts)
    return gate.CODES[worst]


def _read(arguments: Sequence[str]) -> Namespace:
    options = Options("gate")
    options.add_argument("words", nargs="*")
    options.add_argument("--metric", action="append", default=[])
    options.add_argument("--tolerance", action="append", default=[])
    options.add_argument("--save")
    return options.read(arguments)


def _save(file: str, words: Sequence[str]) -> int:
    if not words:
        raise Refused("gate --save FILE.jsonl takes the runs to save, such as last or sweep.")
    if not file.endswith(".jsonl"):
        raise Refused(f"gate --save writes JSON lines: name the file {file}.jsonl.")
    found = side("the baseline", chosen(words))
    save(Path(file), found.runs)
    print(file)
    return 0


def _sides(words: Sequence[str]) -> tuple[Side, Side]:
    if not words:
        raise Refused(USAGE)
    if len(words) > 1:
        first, second = split(words, USAGE)
        base, new = chosen(first), chosen(second)
    else:
        base, new = gate.newest(chosen(words))
    return side("the baseline", base), side("the candidate", new)
