"""``model.weights=random``: a model of true shape and size whose weights are drawn here, so that a
machine is measured before anything large is downloaded.

Made once and kept under ``random/`` in infra's cache, a folder for each recipe: the shape, the
format and storage type, how many layers, how routing spreads.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from infra.configuration.schema import Model
from infra.errors import Refused
from infra.plan import digest as digest_of
from infra.plugins import located
from infra.protocols import Backend
from infra.resources import machine
from infra.types import Json
from infra.weights.headers import gguf_parts, read_layout
from infra.weights.random_model import checkpoint, gguf_model, header, shapes, vocabulary
from infra.weights.random_model.tensors import Tensor

#: raised whenever the same recipe makes other bytes
VERSION = 1
FILE = "model.gguf"


class Made(NamedTuple):
    """A random model on this disk."""

    path: Path
    format: str
    digest: str  #: SHA-256 of its recipe, from which its bytes follow
    about: str


class Recipe(NamedTuple):
    """What a random model is made of, and how."""

    format: str
    kind: str
    parts: Json  #: all that decides its bytes
    bytes: int
    write: Callable[[Path], str]  #: into a folder; gives the name to load there, or ``""``


def bring(model: Model, backend: Backend, scheme: str) -> Made:
    """The random model that ``backend`` loads for ``model``, made unless it is there. A second
    process waits.

    Raises:
        Refused: its shape is not known, its type cannot be made, or the disk is too full.
    """
    source = _source(model)
    of = _of_header if source.suffix == ".gguf" else _of_config
    recipe = of(model, source, backend, scheme)
    if recipe.format not in backend.formats:
        raise Refused(f"{source} is a GGUF file, and this backend reads {backend.formats[0]}.")
    digest = digest_of([VERSION, model.routing, recipe.format, recipe.kind, recipe.parts])
    folder = machine.cache_dir() / "random" / f"{model.name}-{recipe.kind}-{digest[:12]}"
    name = _ensure(folder, recipe)
    layers = f", {model.layers} layers" if model.layers else ""
    about = f"random {recipe.kind} of {source.name}{layers}, routing {model.routing}"
    return Made(folder / name if name else folder, recipe.format, digest, about)


def _source(model: Model) -> Path:
    """A config.json or a GGUF file."""
    given = model.path or model.shape
    path = located(given).absolute() if given else _fetched(model)
    if path.is_dir():
        path /= "config.json"
    if not path.is_file():
        raise Refused(f"{path} does not exist: model.weights=random reads the shape from it.")
    return path


def _fetched(model: Model) -> Path:
    """The config.json of the model's repository."""
    from infra.weights import sources  # noqa: PLC0415  # which needs plugins

    for _, source in sources.listed(model):
        if source.format == "safetensors" and source.path:
            return source.path
        if source.format == "safetensors" and source.repository:
            from infra.weights.download import fetch  # noqa: PLC0415  # brings the Hub along

            return fetch(source.repository, lambda _: ["config.json"])
    raise Refused(
        f"model={model.name} says nowhere what shape it has: model.shape=CONFIG.json, or "
        "model.path=FILE.gguf."
    )


def _of_config(model: Model, source: Path, backend: Backend, scheme: str) -> Recipe:
    try:
        config = json.loads(source.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Refused(f"{source} is no JSON: {error}.") from error
    if not isinstance(config, dict):
        raise Refused(f"{source} holds no JSON object.")
    shape = shapes.read(config, str(source), model.layers)
    shape = shape.resized(vocabulary.length(shape.vocabulary))
    spread = shape.used if model.routing == "spread" else None
    parts = [config, shape.layers]
    if "safetensors" in backend.formats:
        kind = model.storage or "BF16"
        made = checkpoint.listed(shape, kind)

        def write(folder: Path) -> str:
            checkpoint.write(folder, shape, made, spread)
            return ""

        return Recipe("safetensors", kind, parts, _size(made), write)
    kind = gguf_model.kind_of(model.storage, scheme, shape)
    tensors = gguf_model.listed(shape, kind)

    def write_gguf(folder: Path) -> str:
        gguf_model.write(folder / FILE, shape, kind, tensors, spread)
        return FILE

    return Recipe("gguf", kind, parts, _size(tensors), write_gguf)


def _of_header(model: Model, source: Path, backend: Backend, scheme: str) -> Recipe:
    if model.layers or model.storage:
        raise Refused(
            f"{source} is taken as its header has it: leave out model.layers and model.storage, "
            "or give a config.json."
        )
    files = [source.with_name(name) for name in gguf_parts(source.name)]
    layouts = [read_layout(file) for file in files]
    made = [header.listed(*each) for each in zip(layouts, files, strict=True)]
    spread = layouts[0].used if model.routing == "spread" else None

    def write(folder: Path) -> str:
        for file, layout, tensors in zip(files, layouts, made, strict=True):
            header.write(folder / file.name, file, layout, tensors, spread)
        return files[0].name

    parts = [_head_sha256(file, layout.begin) for file, layout in zip(files, layouts, strict=True)]
    kind = max(made[0], key=lambda tensor: tensor.bytes).kind
    return Recipe("gguf", kind, parts, sum(map(_size, made)), write)


def _head_sha256(file: Path, begin: int) -> str:
    with file.open("rb") as source:
        return hashlib.sha256(source.read(begin)).hexdigest()


def _size(made: Sequence[Tensor]) -> int:
    return sum(tensor.bytes for tensor in made)


def _ensure(folder: Path, recipe: Recipe) -> str:
    """Make the folder whole or not at all; gives the name of the file to load in it."""
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _check_space(folder.parent, recipe)
            _make(folder, recipe)
        return (folder / ".load").read_text()


def _make(folder: Path, recipe: Recipe) -> None:
    half = folder.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    try:
        (half / ".load").write_text(recipe.write(half))
        half.replace(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _check_space(place: Path, recipe: Recipe) -> None:
    free = shutil.disk_usage(place).free
    if recipe.bytes > free:
        raise Refused(
            f"Random weights of this shape need {recipe.bytes / 1e9:.2f} GB in {place}, where "
            f"{free / 1e9:.2f} GB are free: make room, set INFRA_CACHE to a folder on another "
            "disk, or take fewer layers with model.layers=N."
        )
