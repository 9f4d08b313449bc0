"""The backend ``llama_cpp``: GGUF files on llama.cpp, in this process, by its C interface.

llama-cpp-python's class ``Llama`` hides what a comparison must see: it keeps the KV cache between
requests, swallows exceptions and does not pass every option on. So the engine stands on the
functions below it, and reads its facts from a forward pass of the loaded model.
"""

from collections.abc import Mapping
from pathlib import Path

from infra.hookspecs import hookimpl
from infra.plan import Plan
from infra.protocols import Backend, Engine
from infra.types import Estimate

from . import hardware, quantized, residency
from .model import check_experts
from .native import library


class LlamaCppBackend:
    """llama.cpp, on the CPU or on what its build can offload to."""

    distributions: tuple[str, ...] = ("llama-cpp-python",)
    extra: str = "llama-cpp"
    formats: tuple[str, ...] = ("gguf",)
    quantizations: frozenset[str] = frozenset({"stored", "none", *quantized.FILE_TYPES})

    def prepare(self, plan: Plan) -> None:
        """As in ``infra.protocols.Backend``."""
        library()
        hardware.check(plan.load)
        residency.check(plan)
        check_experts(Path(plan.model.path), plan.experts_active)

    def convert(self, plan: Plan) -> None:
        """Quantize the file, unless that was done before."""
        quantized.ensure(plan)

    def file_of(self, plan: Plan) -> Path:
        """As in ``infra.protocols.Converter``."""
        return quantized.file_of(plan)

    def estimate(self, plan: Plan, tokens: int, requests: int) -> Estimate | None:
        """As in ``infra.protocols.Estimator``."""
        from .estimate import estimate

        return estimate(plan)

    def load(self, plan: Plan) -> Engine:
        """As in ``infra.protocols.Backend``.

        Raises:
            Refused: llama.cpp cannot read the file, or has no memory for the context.
        """
        from .engine import LlamaCppEngine

        return LlamaCppEngine(plan, self.file_of(plan))


@hookimpl
def infra_backends() -> Mapping[str, Backend]:
    return {"llama_cpp": LlamaCppBackend()}
