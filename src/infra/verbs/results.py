"""``infra results``: a table of the runs on disk, with only the columns that differ, or an export.

infra results [NAMES and filters such as experts.active=2] [N: only the last so many]
    [--sort METRIC|KEY] [--best METRIC [--by KEY]] [--pareto METRIC,METRIC]
    [--csv | --json | --jsonl | --markdown | --llama-bench | --llama-bench=jsonl]
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console as RichConsole

from infra import runs, tables
from infra.answers import choosing, export, llama_bench, pareto
from infra.answers.measured import kinds
from infra.answers.selection import Row, select
from infra.answers.tables import STAR, table
from infra.console import Console
from infra.errors import Refused
from infra.verbs.options import Options

FORMATS = ("csv", "json", "jsonl", "markdown", "llama-bench", "llama-bench=jsonl")
#: which runs compete, and by what
RANKED = "by means over repeats, among runs with the same prompts on the same machine"
#: digits that are a count; more of them are part of a run's name
COUNT_DIGITS = 5


def main(arguments: list[str]) -> int:
    """Print the table; ``infra results 20`` shows the last twenty."""
    console, options = Console(), _read(arguments)
    runs.recover_all(console.say)
    words, most = _counted(options.words)
    among = select(words)[-most:]
    if not among:
        none = f"There are no runs in {runs.root()} yet: python -m infra makes one."
        console.say(f"No run fits {' '.join(words)}." if words else none)
        if options.format == "json":  # nothing at all is no JSON
            print("[]")
        return 0
    rows = _chosen(among, options)
    metrics = options.pareto.split(",") if options.pareto else pareto.usual(kinds(among))
    stars = pareto.marked(among, metrics)
    shown = table(rows, among, stars, [*metrics, options.sort, options.best])
    if options.format:
        sys.stdout.write(_exported(options.format, rows, stars, shown))
        return 0
    _print(shown, console.out)
    told = [f"the best {options.best}"] if options.best else []
    told += [f"{STAR} on the Pareto front of {', '.join(metrics)}"] if stars else []
    for each in told:
        console.err.print(f"{each}, {RANKED}", soft_wrap=not console.err.is_terminal)
    return 0


def _read(arguments: Sequence[str]) -> Namespace:
    options = Options("results")
    options.add_argument("words", nargs="*")
    for name in ("--sort", "--best", "--by", "--pareto"):
        options.add_argument(name)
    chosen = options.add_mutually_exclusive_group()
    for name in FORMATS:
        chosen.add_argument(f"--{name}", dest="format", action="store_const", const=name)
    return options.read(arguments)


def _counted(words: Sequence[str]) -> tuple[list[str], int]:
    """The words that name runs, and how many of the last runs are wanted; 0 is all."""
    counts = [word for word in words if word.isdecimal() and len(word) <= COUNT_DIGITS]
    if len(counts) > 1 or any(int(count) < 1 for count in counts):
        asked = " ".join(counts)
        raise Refused(f"results takes how many of the last runs, at least 1, not {asked!r}.")
    return [word for word in words if word not in counts], int(counts[0]) if counts else 0


def _chosen(rows: list[Row], options: Namespace) -> list[Row]:
    if options.by and not options.best:
        raise Refused("--by KEY goes with --best METRIC: the best run for each value of KEY.")
    if options.best:
        rows = choosing.best(rows, options.best, options.by)
    return choosing.ordered(rows, options.sort) if options.sort else rows


def _exported(form: str, rows: list[Row], stars: set[Path], shown: list[list[str]]) -> str:
    if form == "markdown":
        return export.as_markdown(shown)
    if form.startswith("llama-bench"):
        write = llama_bench.as_jsonl if form.endswith("jsonl") else llama_bench.as_markdown
        return write(rows)
    return {"csv": export.as_csv, "json": export.as_json, "jsonl": export.as_jsonl}[form](
        rows, stars
    )


def _print(rows: list[list[str]], out: RichConsole) -> None:
    """Whole lines into a file or a pipe; on a terminal short names, and as many parts as fit."""
    room = tables.natural(rows)
    if out.is_terminal and room > out.width:
        room = out.width
        rows = [[short, *row[1:]] for short, row in zip(_short(rows), rows, strict=True)]
    out.width = room
    for number, part in enumerate(tables.stacked(rows, room)):
        if number:
            out.print()
        out.print(part)


#: parts of a folder's name that may stand for it: its time, its day and time, …
SHORT = (slice(9, 15), slice(9, 19), slice(4, 15), slice(4, 19))


def _short(rows: list[list[str]]) -> list[str]:
    """The names in the first column, shortened alike where ``infra show`` still knows them."""
    known = [folder.name for folder in runs.folders()]
    header, *names = [row[0] for row in rows]
    for part in SHORT:
        short = [name[part] for name in names]
        if all(each and sum(each in name for name in known) == 1 for each in short):
            return [header, *short]
    return [header, *names]
