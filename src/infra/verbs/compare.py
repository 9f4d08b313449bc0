"""``infra compare A B``: two configurations, metric by metric, with intervals and plain words.

A and B are each a part of a run's name, ``last``, a sweep's name, or a filter such as
``experts.active=2``; several words a side have ``vs`` between the sides.
"""

from infra import tables
from infra.answers import concerns, wording
from infra.answers.compare import common, findings
from infra.answers.sides import chosen, side, split
from infra.console import Console, counted

USAGE = (
    "compare takes two selections of runs, one word each: infra compare quantization=q4 "
    "quantization=none; or several words with vs between them: infra compare sweep "
    "experts.active=1 quantization=q4 vs sweep experts.active=2 quantization=q4."
)


def main(arguments: list[str]) -> int:
    """Print a table, the answer as a sentence, and what the repeats can show; always 0."""
    first, second = split(arguments, USAGE)
    a, b = side("A", chosen(first)), side("B", chosen(second))
    concerns.check_apart(a, b)
    console, shared, names = Console(), common(a, b), wording.labels(a, b)
    apart = concerns.set_up_apart(a, b) if names == (a.name, b.name) else ()
    general = concerns.concerns(a, b, shared)
    for concern in (*apart, *general, *concerns.one_after_other(a, b)):
        console.warn(concern)
    found = findings(a, b)
    for each, words in ((a, first), (b, second)):
        told = f"{each.name}: {' '.join(words)} ({counted(len(each.runs), 'run')})"
        console.out.print(told, markup=False)
    for number, part in enumerate(tables.stacked(wording.rows(found, names), console.out.width)):
        if number:
            console.out.print()
        console.out.print(part)
    for line in (wording.sentence(found, names), wording.power(found)):
        if line:
            console.out.print(f"\n{line}", markup=False)
    return 0
