"""From ``model=NAME`` to files on this disk: picked, fetched, checked, described and hashed."""

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from infra.configuration.schema import Model
from infra.errors import Refused, nearest
from infra.plan import Weights
from infra.protocols import Backend
from infra.types import Json
from infra.weights import metadata, sources
from infra.weights.headers import check_safetensors, gguf_parts, read_gguf
from infra.weights.notes import remembered
from infra.weights.sources import Source

if TYPE_CHECKING:
    from infra.weights.random_model import Made

CONFIG = "config.json"
WEIGHTS = ("real", "random")
ROUTINGS = ("random", "spread")
INDEX = "model.safetensors.index.json"
#: what engines read beside it, if it is there; each holds a JSON object
OBJECTS = ("generation_config.json", "tokenizer.json", "tokenizer_config.json")
#: how the files end that a tokenizer may be in, or the code of one
TOKENIZERS = ("tokenizer.json", "tekken.json", "vocab.json", "vocab.txt", ".model", ".tiktoken",
              ".py")  # fmt: skip
_SHA256 = re.compile(r"[0-9a-f]{64}")


class OnDisk(NamedTuple):
    """A source of a model that needs no download."""

    name: str  #: as in ``model.sources``, e.g. ``gguf q4``
    bytes: int


def resolve(model: Model, backend_name: str, backend: Backend, quantization: str) -> Weights:
    """The weights that ``backend`` loads for ``model`` at ``quantization``: on this disk, whole,
    described by their own metadata. Downloads what is missing.

    Raises:
        Refused: there are none, they are damaged or of a format that the backend cannot read,
            or they cannot be downloaded.
    """
    try:
        made = _drawn(model, backend, quantization)
        if made:
            source = Source(made.path)
        else:
            source = sources.pick(model, backend_name, backend, quantization)
        path = source.bring()
        files = _files(source, path)
        describe = _describe_gguf if source.format == "gguf" else _describe_checkpoint
        described, digest = describe(path, files), made.digest if made else _intact_digest(files)
    except OSError as error:
        place = error.filename or model.path or model.name
        raise Refused(f"{place} cannot be read: {error.strerror}.") from error
    return Weights(
        name=model.name,
        path=str(path),
        format=source.format,
        digest=digest,
        origin=made.about if made else _origin(source, path),
        trust_remote_code=model.trust_remote_code,
        random=made is not None,
        **described,
    )


def _drawn(model: Model, backend: Backend, quantization: str) -> "Made | None":
    if not _random(model):
        return None
    from infra.weights import random_model  # noqa: PLC0415  # numpy, which few runs need here

    return random_model.bring(model, backend, quantization)


def _random(model: Model) -> bool:
    """Whether the weights are to be drawn.

    Raises:
        Refused: a word that is not known, or one that is only read for random weights.
    """
    for key, words in (("weights", WEIGHTS), ("routing", ROUTINGS)):
        if (word := getattr(model, key)) not in words:
            raise Refused(f"model.{key}={word} is not known. {nearest(word, words)}")
    if model.weights == "random":
        return True
    given = {"layers": model.layers, "storage": model.storage}
    given["routing"] = model.routing if model.routing != "random" else None
    for key, value in given.items():
        if value is not None:
            raise Refused(f"model.{key}={value} needs model.weights=random: real ones have theirs.")
    return False


def announced(
    model: Model, backend_name: str, backend: Backend, quantization: str
) -> Weights | None:
    """What ``resolve`` would describe, as far as config.json says it, which is downloaded alone;
    ``None`` where all is on this disk, and for a GGUF, whose header comes with its weights.

    Raises:
        Refused: as ``resolve``.
    """
    if _random(model):
        return None
    source = sources.pick(model, backend_name, backend, quantization)
    if source.repository is None or source.format == "gguf" or source.on_disk():
        return None
    from infra.weights.download import fetch  # noqa: PLC0415  # brings huggingface_hub along

    folder = fetch(source.repository, lambda names: [CONFIG] if CONFIG in names else [])
    if not (folder / CONFIG).is_file():
        return None
    described = metadata.of_config(_json(folder / CONFIG))
    return Weights(model.name, str(folder), source.format, **described)


def installed(model: Model) -> list[OnDisk]:
    """What of a model is on this disk already; asks nobody and opens no file."""
    names: dict[Source, list[str]] = {}
    for name, source in sources.listed(model):
        names.setdefault(source, []).append(name)
    found = []
    for source, called in names.items():
        with suppress(Refused, OSError):
            if path := source.on_disk():
                size = sum(file.stat().st_size for file in _files(source, path))
                found.append(OnDisk(" = ".join(called), size))
    return found


def changed(model: Weights) -> str | None:
    """A sentence if the files are no longer those that ``resolve`` described. Of files that are
    gone, and of random weights, which are known by what they are drawn from, nothing is said."""
    path = Path(model.path)
    if model.random or not model.digest:
        return None
    try:
        now = sha256_of(_files(Source(path, code=model.trust_remote_code), path))
    except (OSError, Refused):
        return None
    if now == model.digest:
        return None
    return (
        f"the files of {path} have changed since this run was planned: their SHA-256 was "
        f"{model.digest[:12]}… and is {now[:12]}…. Run the same command again."
    )


def gguf_metadata(path: Path) -> dict[str, Json]:
    """All scalar metadata of a GGUF file by key; of arrays ``{"length": n}``.

    Raises:
        Refused: the file is damaged.
        OSError: it cannot be opened.
    """
    known: dict[str, Json] = remembered("gguf_header", path, read_gguf)["metadata"]
    return known


def sha256_of(paths: Sequence[Path]) -> str:
    """Of one file its SHA-256; of several the SHA-256 of what ``sha256sum`` prints for them in
    the order of their names. Each file is read once, until it changes."""
    digests = {path.name: str(remembered("sha256", path, _sha256)) for path in paths}
    if len(digests) == 1:
        return digests.popitem()[1]
    lines = (f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(source: Source, path: Path) -> list[Path]:
    """All files of the weights.

    Raises:
        Refused: one is missing.
    """
    if source.format == "gguf":
        files = [path.with_name(name) for name in gguf_parts(path.name)]
    else:
        files = [path / name for name in source.choose([file.name for file in path.iterdir()])]
        files += [path / name for name in sorted(_indexed(path)) if path / name not in files]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise Refused(
            f"{path} is incomplete: {len(missing)} of its {len(files)} files are missing, first "
            f"{missing[0]}. Download or copy them too."
        )
    return files


def _indexed(path: Path) -> set[str]:
    """The shards that the index of a checkpoint names, if it has one."""
    if not (path / INDEX).is_file():
        return set()
    shards = _json(path / INDEX).get("weight_map")
    if not isinstance(shards, dict) or not all(_is_name(each) for each in shards.values()):
        raise Refused(f"{path / INDEX} has no weight_map from tensors to files in its folder.")
    return set(shards.values())


def _is_name(value: Json) -> bool:
    return isinstance(value, str) and value == Path(value).name


def _json(path: Path) -> dict[str, Json]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path} is no JSON: {error}.") from error
    if not isinstance(value, dict):
        raise Refused(f"{path} holds no JSON object.")
    return value


def _describe_checkpoint(path: Path, files: Sequence[Path]) -> dict[str, Json]:
    if path / CONFIG not in files:
        raise Refused(f"{path} has no config.json, which says what its weights are.")
    if not any(file.name.endswith(TOKENIZERS) for file in files):
        raise Refused(f"{path} has no tokenizer, such as a tokenizer.json: copy it there too.")
    for file in files:
        if file.suffix == ".safetensors":
            check_safetensors(file)
        elif file.name in OBJECTS:
            remembered("json_keys", file, lambda file: list(_json(file)))
    return metadata.of_config(_json(path / CONFIG))


def _describe_gguf(path: Path, files: Sequence[Path]) -> dict[str, Json]:
    headers = [remembered("gguf_header", file, read_gguf) for file in files]
    first: dict[str, Json] = headers[0]["metadata"]
    if not any(header["tensors"] for header in headers):
        raise Refused(f"{path} holds no tensors: it may be a vocabulary, or a cut download.")
    if (parts := first.get("split.count", 1)) not in (0, len(files)):
        raise Refused(
            f"{path} is one of {parts} parts and not named like one: call the first of two "
            "NAME-00001-of-00002.gguf."
        )
    if not isinstance(first.get("general.architecture"), str):
        raise Refused(f"{path} names no architecture, so no engine can load it.")
    return metadata.of_gguf(first, headers[0]["stored_as"])


def _intact_digest(files: Sequence[Path]) -> str:
    """The digest, after comparing each file of the Hub's cache with the SHA-256 in its name."""
    for file in files:
        blob = file.resolve()
        named = blob.parent.name == "blobs" and _SHA256.fullmatch(blob.name)
        if named and sha256_of([file]) != blob.name:
            raise Refused(
                f"{file} is damaged: its SHA-256 is not the one that it had on the Hub. Delete "
                f"{blob} and run the same command again."
            )
    return sha256_of(files)


def _origin(source: Source, path: Path) -> str:
    if source.repository is None:
        return ""
    commit = path.relative_to(source.repository.folder("")).parts[0]
    return f"{source}@{commit}"
