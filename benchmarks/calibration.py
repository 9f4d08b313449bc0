"""How often ``infra compare`` is right: pairs without a difference, and pairs with one.

    python benchmarks/calibration.py [--pairs 1000]          # simulated, some minutes
    python benchmarks/calibration.py --real 20 [--repeats 5] # the bundled model on this machine

Simulated runs ask 20 prompts of different lengths; each run is faster or slower as a whole, and
each request once more. Real pairs are two settings that compute the same: greedy sampling with
different seeds, repeated in turns in one sweep, each run in a process of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np

from infra.answers import resampling
from infra.answers.compare import findings, prompt_draws
from infra.answers.finding import NO_DIFFERENCE, Finding
from infra.answers.measures import Ratio
from infra.answers.resampling import Estimate, Floats
from infra.answers.sides import chosen, side

REPEATS = (5, 7, 10, 20)
NOISE = (0.005, 0.01, 0.02, 0.03)
#: what the slower side of a pair with a difference loses
LOSS = 0.05
TOKENS = 100
#: metrics of real runs that are counted
MEASURED = ("decode_tps", "prefill_tps", "ttft_p50", "itl_p50", "e2e_p50", "peak_memory")


@dataclass(frozen=True)
class World:
    """How simulated runs differ; standard deviations of the logarithm of a time."""

    repeats: int = 10
    run: float = 0.02  #: between runs
    request: float = 0.05  #: between requests of a run
    drift: float = 0.0  #: between repeats, the same for both sides
    lengths: float = 0.3  #: between prompts, the same for all runs
    prompts: int = 20
    slow: float = 0.0  #: share of the runs that something else makes 10 % slower

    def pair(self, loss: float, chance: np.random.Generator) -> Estimate:
        """A pair of sides, the first slower by ``loss``, compared as speeds are."""
        lengths = chance.normal(0, self.lengths, self.prompts)
        drift = chance.normal(0, self.drift, self.repeats)
        sides = [
            self.side(lengths + drift[:, None] - np.log(1 - each), chance) for each in (loss, 0.0)
        ]
        asked = np.ones((1, self.prompts))
        a, b = (np.log([part.values(asked)[0] for part in parts]) for parts in sides)
        draws = prompt_draws(sides, self.prompts)
        return resampling.compared(a, b, draws, interleaved=True)

    def side(self, times: Floats, chance: np.random.Generator) -> list[Ratio]:
        """Decode speeds of the repeats of one side."""
        run = chance.normal(0, self.run, (self.repeats, 1))
        run += np.log(1.1) * (chance.random((self.repeats, 1)) < self.slow)
        request = chance.normal(0, self.request, (self.repeats, self.prompts))
        tokens = np.full(self.prompts, float(TOKENS))
        return [Ratio(tokens, each) for each in np.exp(times + run + request)]


def silent(estimate: Estimate) -> bool:
    """Whether no difference is shown."""
    return estimate.low <= 0 <= estimate.high


def shares(make: Callable[[np.random.Generator], Estimate], pairs: int) -> float:
    """How many of ``pairs`` show no difference."""
    chance = np.random.default_rng(1)
    return float(np.mean([silent(make(chance)) for _ in range(pairs)]))


def speeds(pairs: int) -> None:
    """Tables of repeats by noise: alike, and 5 % slower."""
    for loss, title in ((0.0, "no difference shown, alike"), (LOSS, "found, 5 % slower")):
        heads = [f"{noise:.1%} between runs" for noise in NOISE]
        print(f"\n| repeats ({title}) | {' | '.join(heads)} |\n|{'---|' * (1 + len(NOISE))}")
        for repeats in REPEATS:
            worlds = [World(repeats, noise) for noise in NOISE]
            found = [shares(partial(world.pair, loss), pairs) for world in worlds]
            cells = (f"{1 - share if loss else share:.1%}" for share in found)
            print(f"| {repeats} | {' | '.join(cells)} |", flush=True)


def troubles(pairs: int) -> None:
    """The same where the world is less kind."""
    kinds = {
        "as above, 2 % between runs": World(),
        "requests vary by 20 %, runs by 0.5 %": World(run=0.005, request=0.2),
        "the same with 4 prompts": World(run=0.005, request=0.2, prompts=4),
        "one prompt": World(prompts=1),
        "a drift of 2 % from repeat to repeat": World(drift=0.02),
        "a drift of 10 % from repeat to repeat": World(drift=0.1),
        "one run in ten is 10 % slower": World(slow=0.1),
    }
    print("\n| world | alike, 5 repeats | alike, 10 | 5 % slower found, 10 |\n|---|---|---|---|")
    for name, world in kinds.items():
        five = replace(world, repeats=5)
        found = [
            shares(partial(five.pair, 0.0), pairs),
            shares(partial(world.pair, 0.0), pairs),
            1 - shares(partial(world.pair, LOSS), pairs),
        ]
        print(f"| {name} | {' | '.join(f'{share:.1%}' for share in found)} |", flush=True)


def scores(pairs: int) -> None:
    """Paired shares: how often prompts that differ by chance show no difference."""
    sizes = (10, 20, 50, 100, 300)
    print(f"\n| prompts that differ by chance | {' | '.join(map(str, sizes))} |")
    print("|" + "---|" * (1 + len(sizes)))
    for apart in (0.02, 0.05, 0.1, 0.2, 0.4):
        found = [shares(partial(flips, n, apart), pairs) for n in sizes]
        print(f"| {apart:.0%} | {' | '.join(f'{share:.1%}' for share in found)} |", flush=True)
    for repeats in (1, 5):
        found = [shares(partial(sampled, n, repeats), pairs) for n in sizes]
        name = f"sampled, mean of {repeats}"
        print(f"| {name} | {' | '.join(f'{share:.1%}' for share in found)} |", flush=True)


def flips(prompts: int, apart: float, chance: np.random.Generator) -> Estimate:
    """Right and wrong answers of two sides, which differ on a share of the prompts."""
    drawn = chance.random(prompts)
    return resampling.paired(np.where(drawn < apart, np.where(drawn < apart / 2, 1.0, -1.0), 0.0))


def sampled(prompts: int, repeats: int, chance: np.random.Generator) -> Estimate:
    """Each prompt has its own chance of a right answer (mean 0.8), the same on both sides."""
    right = chance.beta(2, 0.5, prompts)
    a, b = (chance.binomial(repeats, right) / repeats for _ in range(2))
    return resampling.paired(a - b)


def real(pairs: int, repeats: int, folder: str) -> None:
    """Pairs of settings that compute the same, on the bundled model."""
    seeds = ",".join(map(str, range(2 * pairs)))
    os.environ["INFRA_RUNS"] = folder
    subprocess.run(
        [
            sys.executable, "-m", "infra", "-m", "backend=llama_cpp", "load.threads=1",
            "prompts=heldout", "prompts.limit=4", "sampling.max_tokens=32", "tracking=none",
            "isolation=fresh", f"repeats={repeats}", f"seed={seeds}",
        ],
        check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    found = [compared(2 * pair, 2 * pair + 1) for pair in range(pairs)]
    print(
        f"\n| metric | no difference shown, of {pairs} | varies | shows from |\n|---|---|---|---|"
    )
    for metric in MEASURED:
        print(f"| {metric} | {' | '.join(summary([each[metric] for each in found]))} |")


def compared(first: int, second: int) -> dict[str, Finding]:
    """What is found between the runs of two seeds."""
    a, b = (side(str(seed), chosen([f"seed={seed}"])) for seed in (first, second))
    return {each.metric: each for each in findings(a, b)}


def summary(found: Sequence[Finding]) -> list[str]:
    """How many pairs are silent, and the medians of variation and of what can be shown."""
    count = sum(each.word == NO_DIFFERENCE for each in found)
    varies, least = (median([getattr(f, name) or 0 for f in found]) for name in ("varies", "least"))
    return [str(count), f"{varies:.2%}", f"{least:.2%}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--real", type=int, metavar="PAIRS")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    if args.real:
        with tempfile.TemporaryDirectory() as folder:
            real(args.real, args.repeats, folder)
        return
    speeds(args.pairs)
    troubles(args.pairs)
    scores(args.pairs)


if __name__ == "__main__":
    main()
