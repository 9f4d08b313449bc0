"""What all engines have in common: the contract of infra.testing."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra import testing
from infra.errors import Refused
from infra.plan import Plan
from infra.plugins import bundled, registry
from infra.protocols import Engine

TINY = bundled("plugins") / "tiny_moe"
SAFETENSORS, GGUF = TINY / "weights", TINY / "weights" / "tiny-moe-f16.gguf"
PLANS = {
    "transformers": testing.plan_for(SAFETENSORS, "transformers", threads=1, batch=64),
    "transformers-q8": testing.plan_for(SAFETENSORS, "transformers", "q8", threads=1, batch=64),
    "mlx": testing.plan_for(SAFETENSORS, "mlx", batch=64),
    "llama_cpp": testing.plan_for(GGUF, "llama_cpp", threads=1, batch=64),
}


@pytest.fixture(scope="module", params=PLANS)
def plan(request: pytest.FixtureRequest) -> Plan:
    return PLANS[request.param]


@pytest.fixture(scope="module")
def engine(plan: Plan) -> Iterator[Engine]:
    with testing.loaded(registry().get("infra_backends", plan.backend), plan) as engine:
        yield engine


@pytest.mark.parametrize("clause", testing.CLAUSES, ids=lambda clause: clause.__name__)
def test_an_engine(clause: Callable[[Engine, Plan], None], engine: Engine, plan: Plan) -> None:
    clause(engine, plan)


@pytest.mark.parametrize("name", ["transformers", "mlx", "llama_cpp"])
def test_closing_frees_the_model(name: str) -> None:
    testing.closing_frees_the_model(registry().get("infra_backends", name), PLANS[name])


@pytest.mark.parametrize("name", ["transformers", "mlx", "llama_cpp"])
def test_random_bytes_in_place_of_weights_are_refused(name: str, tmp_path: Path) -> None:
    """Behind a header that is right, so that only what is computed tells."""
    folder = tmp_path / "model"
    shutil.copytree(SAFETENSORS, folder)
    file = folder / (GGUF.name if name == "llama_cpp" else "model.safetensors")
    with file.open("r+b") as weights:
        weights.seek(file.stat().st_size // 2)
        weights.write(random.Random(0).randbytes(file.stat().st_size // 4))
    model = replace(PLANS[name].model, path=str(file if name == "llama_cpp" else folder))
    backend = registry().get("infra_backends", name)
    with (
        pytest.raises(Refused, match="not finite numbers: its weights are damaged"),
        testing.loaded(backend, replace(PLANS[name], model=model)),
    ):
        pass
