"""Where a model's weights come from: a path on this disk, or files of a repository on the Hub."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.configuration.schema import Model
from infra.errors import Refused
from infra.files import alike, reason
from infra.plugins import located, registry
from infra.protocols import Backend
from infra.types import Json
from infra.weights.headers import gguf_parts
from infra.weights.hub import Repository

PICKLES = (".bin", ".pt", ".pth", ".ckpt")
BESIDE = (".json", ".jinja", ".model", ".tiktoken", "merges.txt", "vocab.txt")


@dataclass(frozen=True)
class Source:
    """An existing path, or a repository; ``file`` names a GGUF file in the repository."""

    path: Path | None = None
    repository: Repository | None = None
    file: str | None = None
    code: bool = False  #: whether the model's own Python files are needed

    def __str__(self) -> str:
        return self.repository.name if self.repository else str(self.path)

    @property
    def format(self) -> str:
        """``gguf`` or ``safetensors``."""
        is_file = self.path.is_file() if self.path else bool(self.file)
        return "gguf" if is_file else "safetensors"

    def choose(self, names: Collection[str]) -> list[str]:
        """The needed ones of these file names: all parts of a GGUF, or the safetensors of one
        checkpoint and the small files beside them.

        Raises:
            Refused: there are no safetensors.
        """
        if self.format == "gguf":
            return gguf_parts(self.path.name if self.path else str(self.file))
        beside = (*BESIDE, ".py") if self.code else BESIDE
        top = sorted(name for name in names if "/" not in name)
        tensors = [name for name in top if name.endswith(".safetensors")]
        if not tensors:
            raise self._without_safetensors(sorted(names))
        shards = [name for name in tensors if name.startswith("model")] or tensors
        return shards + [name for name in top if name.endswith(beside)]

    def bring(self) -> Path:
        """The directory or the (first) GGUF file, downloaded if need be.

        Raises:
            Refused: it cannot be downloaded.
        """
        if self.path:
            return self.path
        from infra.weights.download import fetch  # noqa: PLC0415  # brings huggingface_hub along

        assert self.repository
        return fetch(self.repository, self.choose) / self._within

    def on_disk(self) -> Path | None:
        """What ``bring`` gives, if it is all there; asks nobody."""
        folder = self.repository.on_disk(self.choose) if self.repository else self.path
        return folder / self._within if folder else None

    @property
    def _within(self) -> str:
        return gguf_parts(self.file)[0] if self.file else ""

    def _without_safetensors(self, names: Collection[str]) -> Refused:
        ggufs = [name for name in names if name.endswith(".gguf")]
        pickles = [name for name in names if name.endswith(PICKLES)]
        if ggufs:
            return Refused(f"{self} holds GGUF files: name one of them, e.g. {ggufs[0]}.")
        if pickles:
            return Refused(
                f"{self} holds its weights only as pickle ({pickles[0]}), which can run code and "
                "is never loaded: take a version of the model in safetensors."
            )
        return Refused(f"{self} holds no safetensors, so there are no weights to load.")


def pick(model: Model, backend_name: str, backend: Backend, quantization: str) -> Source:
    """``model.path``; else what ``model.sources`` has for the backend, or for a format that it
    reads, at this quantization or at ``any``.

    Raises:
        Refused: there is none (the sentence lists what there is), or the backend cannot read it.
    """
    source = _pick(model, backend_name, backend, quantization)
    if source.format not in backend.formats:
        offers = registry().offers["infra_backends"]
        able = [name for name in offers if source.format in offers[name].value.formats]
        raise Refused(
            f"backend={backend_name} reads {' and '.join(backend.formats)}, and {source} is "
            f"{source.format}, which backend={' or backend='.join(sorted(able))} reads."
            f"{_gguf_within(source)}"
        )
    return source


def listed(model: Model) -> Iterator[tuple[str, Source]]:
    """All sources by name, e.g. ``gguf q4``; those that ``pick`` would refuse are left out."""
    given = {"path": model.path} if model.path else {}
    for key, choices in model.sources.items():
        given |= {f"{key} {scheme}": source for scheme, source in choices.items()}
    for name, source in given.items():
        with suppress(Refused, OSError):
            yield name, _parse(model, name, source)


def _pick(model: Model, backend_name: str, backend: Backend, quantization: str) -> Source:
    if model.path:
        return _parse(model, "path", model.path)
    if not model.sources:
        raise Refused(
            f"model={model.name} needs weights: model.path=DIRECTORY (safetensors and "
            "config.json) or model.path=FILE.gguf."
        )
    for key in (backend_name, *backend.formats):
        for scheme in (quantization, "any"):
            if given := model.sources.get(key, {}).get(scheme):
                return _parse(model, f"{key} {scheme}", given)
    there = (f"{key} ({', '.join(choices)})" for key, choices in model.sources.items())
    raise Refused(
        f"model={model.name} has no weights for backend={backend_name} with quantization="
        f"{quantization}. It has: {'; '.join(there)}."
    )


def _parse(model: Model, name: str, given: Json) -> Source:
    if isinstance(given, str):
        return _local(located(given).absolute(), model.trust_remote_code)
    if isinstance(given, Mapping) and {"repo"} <= given.keys() <= {"repo", "file", "revision"}:
        repository = Repository(str(given["repo"]), str(given.get("revision", "main")))
        return Source(None, repository, given.get("file"), model.trust_remote_code)
    raise Refused(
        f"model={model.name}, {name}: {given!r} is neither a path nor repo, file and revision."
    )


def _local(path: Path, code: bool) -> Source:
    """A directory that holds safetensors, or a GGUF file; of a split one the first part."""
    if path.suffix == ".safetensors":
        raise Refused(f"{path} is one file of a model: give its directory, {path.parent}.")
    if not path.exists():
        raise Refused(f"{path} does not exist.{alike(path)}")
    if not path.is_dir():
        if path.suffix != ".gguf" and not _begins_as_gguf(path):
            raise Refused(f"{path} is no GGUF file, and no directory of safetensors either.")
        return Source(path.with_name(gguf_parts(path.name)[0]), code=code)
    source = Source(path, code=code)
    source.choose([file.name for file in path.iterdir()])
    return source


def _begins_as_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError as error:
        raise Refused(f"{path} cannot be read: {reason(error)}.") from error


def _gguf_within(source: Source) -> str:
    files = sorted(source.path.glob("*.gguf")) if source.path and source.path.is_dir() else []
    return f" There is also {files[0]}." if files else ""
