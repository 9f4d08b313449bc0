"""Backend ``mlx``: Apple's MLX through mlx-lm, on Metal or, on Linux too, on the CPU."""

from infra import hookimpl
from infra.plan import Plan
from infra.protocols import Backend, Engine
from infra.types import Estimate


class MlxBackend:
    """Imports mlx in ``prepare``, not before."""

    distributions: tuple[str, ...] = ("mlx-lm", "mlx", "transformers", "tokenizers")
    extra = "mlx"
    formats: tuple[str, ...] = ("safetensors",)
    quantizations = frozenset({"stored", "none", "q8", "q4", "q3", "q2"})

    def prepare(self, plan: Plan) -> None:
        from . import engine, loading  # noqa: F401  # the engine's imports belong to this stage

        loading.check(plan)

    def convert(self, plan: Plan) -> None:
        """Nothing is made: quantization happens at load."""

    def estimate(self, plan: Plan, tokens: int, requests: int) -> Estimate | None:
        """As in ``infra.protocols.Estimator``."""
        from .estimate import estimate

        return estimate(plan, tokens)

    def load(self, plan: Plan) -> Engine:
        from .engine import MlxEngine

        return MlxEngine(plan)


@hookimpl
def infra_backends() -> dict[str, Backend]:
    return {"mlx": MlxBackend()}
