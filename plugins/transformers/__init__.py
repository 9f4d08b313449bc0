"""Backend ``transformers``: the reference engine, on the CPU, CUDA or MPS."""

from infra import hookimpl
from infra.plan import Plan
from infra.protocols import Backend, Engine
from infra.types import Estimate


class TransformersBackend:
    """Imports torch and transformers in ``prepare``, not before."""

    distributions: tuple[str, ...] = ("transformers", "torch", "tokenizers", "torchao")
    extra = "transformers"
    formats: tuple[str, ...] = ("safetensors",)
    quantizations = frozenset({"stored", "none", "q8"})

    def prepare(self, plan: Plan) -> None:
        from . import engine, loading  # noqa: F401  # the engine's imports belong to this stage

        loading.check(plan)

    def convert(self, plan: Plan) -> None:
        """Nothing is made: quantization happens at load."""

    def estimate(self, plan: Plan, tokens: int, requests: int) -> Estimate | None:
        from .estimate import estimate

        return estimate(plan, tokens, requests)

    def load(self, plan: Plan) -> Engine:
        from .engine import TransformersEngine

        return TransformersEngine(plan)


@hookimpl
def infra_backends() -> dict[str, Backend]:
    return {"transformers": TransformersBackend()}
