"""The cells of a sweep: one for each combination and repeat, checked before any of them runs."""

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from infra import planning
from infra.answers.selection import everything
from infra.configuration.schema import Config
from infra.errors import Refused
from infra.plan import Plan
from infra.plugins import registry
from infra.resources import preflight
from infra.types import Json, Prompt

#: a number with more digits behind the point than anybody types
LONG = re.compile(r"-?\d+\.\d{10,}")
RUN, DONE, REFUSED, DOUBLE = "run", "done before", "refused", "double"


@dataclass(frozen=True)
class Cell:
    """One run of a sweep, before it runs."""

    overrides: tuple[str, ...]  #: as Hydra takes them
    label: str  #: those that tell it from the others
    plan: Plan
    identity: str
    state: str = RUN  #: ``run``, ``done before``, ``refused``, or the ``double`` of another
    cause: str | None = None  #: why it is refused
    prompts: list[Prompt] = field(default_factory=list, repr=False)

    @property
    def key(self) -> tuple[str, int]:
        """What its record is found by."""
        return self.identity, self.plan.repeat

    @property
    def name(self) -> str:
        """What tells it from the others, for people."""
        repeat = f" #{self.plan.repeat + 1}" if self.plan.repeat else ""
        return (self.label or "the one combination") + repeat

    def to_json(self) -> dict[str, Json]:
        """As sweep.json has it."""
        return {
            "overrides": list(self.overrides),
            "label": self.label,
            "identity": self.identity,
            "repeat": self.plan.repeat,
            "state": self.state,
            "cause": self.cause,
        }


def axes(combinations: Sequence[Sequence[str]]) -> list[str]:
    """The keys that the combinations differ in.

    >>> axes([["a=1", "b=2"], ["a=2", "b=2"]])
    ['a']
    """
    values: dict[str, set[str]] = {}
    for override in itertools.chain.from_iterable(combinations):
        key, _, value = override.partition("=")
        values.setdefault(key, set()).add(value)
    return [key for key, found in values.items() if len(found) > 1]


def short(override: str) -> str:
    """An override as people read it, without the last digits of a computed number.

    >>> short("sampling.temperature=0.30000000000000004"), short("seed=20261127171352")
    ('sampling.temperature=0.3', 'seed=20261127171352')
    """
    key, _, value = override.partition("=")
    return f"{key}={float(value):.6g}" if LONG.fullmatch(value) else override


def planned(combinations: Sequence[tuple[Sequence[str], Config]]) -> list[Cell]:
    """A cell for each combination and each of its repeats, in the order given."""
    varying = axes([overrides for overrides, _ in combinations])
    cells: list[Cell] = []
    for overrides, config in combinations:
        label = " ".join(short(each) for each in overrides if each.partition("=")[0] in varying)
        cells += _cells(tuple(overrides), label, config)
    return list(_marked(cells, _finished()))


def _cells(overrides: tuple[str, ...], label: str, config: Config) -> Iterator[Cell]:
    try:
        plan, prompts = planning.build(config, registry())
    except Refused as error:
        plan = planning.sketch(config)
        yield Cell(overrides, label, plan, plan.identity, REFUSED, str(error))
        return
    for repeat in range(config.repeats):
        state = RUN if config.fresh else ""
        yield Cell(
            overrides, label, replace(plan, repeat=repeat), plan.identity, state, None, prompts
        )


def unrecorded(cells: Iterable[Cell]) -> Iterator[Cell]:
    """The refused cells that have no record yet which says why."""
    told = {(row.data["identity"], row.data["cause"]) for row in everything()}
    for cell in cells:
        if cell.state == REFUSED and (cell.identity, f"refused: {cell.cause}") not in told:
            yield cell


def unfit(cells: Iterable[Cell]) -> Iterator[tuple[Cell, str]]:
    """The cells that need more memory than their own limit, the first of each load, and why; they
    are refused when it is their turn."""
    limited = (cell for cell in cells if cell.plan.memory and cell.plan.preflight == "refuse")
    for cell in {each.plan.load_key: each for each in reversed(list(limited))}.values():
        if problem := preflight.judge(cell.plan, cell.prompts).problem:
            yield cell, problem


def _finished() -> set[tuple[str, int]]:
    return {row.cell for row in everything() if row.data["status"] == "FINISHED"}


def _marked(cells: list[Cell], finished: set[tuple[str, int]]) -> Iterator[Cell]:
    """Cells that need not run are marked as such."""
    seen: set[tuple[str, int]] = set()
    for cell in cells:
        if cell.state == REFUSED:
            yield cell
        elif cell.key in seen:
            yield replace(cell, state=DOUBLE)
        else:
            yield replace(cell, state=DONE if not cell.state and cell.key in finished else RUN)
        seen.add(cell.key)


def ordered(cells: Sequence[Cell], order: str, seed: int) -> list[Cell]:
    """The order in which ``cells`` run: repeat by repeat, so that a drift of the machine falls on
    all alike; what loads the same together, unless ``order`` is ``given``; in each repeat after
    the first, shuffled."""
    found: list[Cell] = []
    for repeat in sorted({cell.plan.repeat for cell in cells}):
        group = [cell for cell in cells if cell.plan.repeat == repeat]
        found += _grouped(group, order, random.Random(f"{seed}:{repeat}") if repeat else None)
    return found


def _grouped(cells: list[Cell], order: str, chance: random.Random | None) -> list[Cell]:
    keys = list(dict.fromkeys(_load_key(cell, order) for cell in cells))
    groups = [[cell for cell in cells if _load_key(cell, order) == key] for key in keys]
    if chance:
        chance.shuffle(groups)
        for group in groups:
            chance.shuffle(group)
    return [cell for group in groups for cell in group]


def _load_key(cell: Cell, order: str) -> str:
    return cell.plan.load_key if order == "load" else ""


def loads(cells: Sequence[Cell]) -> int:
    """How often a model is loaded where runs that load the same follow each other."""
    shared = itertools.groupby(cells, lambda cell: (cell.plan.load_key, cell.plan.isolation))
    return sum(1 if kind == "reuse" else len(list(group)) for (_, kind), group in shared)
