"""The sweeps that are kept as files, each run small, on the bundled model and its real engines."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Done
from infra.plugins import bundled

FILES = sorted(bundled("conf").joinpath("ablation").glob("*.yaml"))
#: ablation -> how many combinations it has
CELLS = {
    "batch": 4, "engines": 3, "experts": 4, "flash_moe": 9, "flash_moe_disk": 6, "quantization": 5,
    "sampling": 9,
}  # fmt: skip
#: what makes one smaller, or lets it run without special rights
SMALLER = {"flash_moe_disk": ("model.layers=1", "limits.memory=null")}


def test_every_ablation_is_known_here() -> None:
    assert [file.stem for file in FILES] == sorted(CELLS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_ablation_asks_a_question_and_says_its_command(file: Path) -> None:
    package, question, *_ = lines = file.read_text().splitlines()
    assert package == "# @package _global_"
    assert "?" in question
    assert f"#   python -m infra ablation={file.stem}" in lines[2]


@pytest.mark.parametrize("name", sorted(CELLS))
def test_an_ablation_runs(infra: Callable[..., Done], home: Path, name: str) -> None:
    small = ("prompts.limit=2", "warmup=0", "load.threads=1", "tracking=none")
    done = infra(f"ablation={name}", *small, *SMALLER.get(name, ()))
    assert done.code == 0, done.err
    sweep = json.loads(Path(done.out.strip().splitlines()[-1]).read_text())
    assert (sweep["name"], sweep["status"]) == (name, "FINISHED")
    assert sweep["counts"]["finished"] == CELLS[name]


def test_an_axis_may_be_changed_on_the_command_line(infra: Callable[..., Done]) -> None:
    done = infra("ablation=batch", "backend=echo", "load.batch=1,2", "tracking=none")
    assert "2 runs: 2 to do" in done.err, done.err


def test_only_one_ablation_at_a_time(infra: Callable[..., Done], home: Path) -> None:
    done = infra("-m", "ablation=batch,experts")
    assert (done.code, list(home.glob("runs/*/record.json"))) == (2, []), done.out
    assert "one ablation at a time" in done.err
