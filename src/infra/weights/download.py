"""Fetches files of a repository on the Hugging Face Hub into the Hub's own cache.

huggingface_hub does the talking, the cache and the progress bars, and honours HF_HOME,
HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN. Large files are put into its cache from here, because
on giving up it deletes what it has of a file; here a download goes on where it stopped,
whatever ended it: the partial file stays as ``blobs/<sha256>.incomplete``.

Import this module only where something may have to be fetched: huggingface_hub comes with it.
"""

import errno
import glob
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from huggingface_hub import HfApi, constants, errors, hf_hub_url, snapshot_download
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented

from infra.errors import Refused, nearest
from infra.resources.machine import cache_dir
from infra.weights import hub, notes
from infra.weights.hub import Choose, Repository

#: seconds to wait after an attempt that brought nothing; then giving up
PAUSES = (1, 5)

#: all that huggingface_hub lets through: OSError and its HTTP client's base error, and ValueError
#: for a repository's name that is none and for an answer that is not the Hub's
_TROUBLE: tuple[type[Exception], ...] = (*errors.HfHubHTTPError.__bases__, ValueError)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Entry(NamedTuple):
    """A file of a repository: its bytes, and for a large one the SHA-256 that names its blob."""

    size: int
    sha256: str | None


def fetch(repository: Repository, choose: Choose) -> Path:
    """The repository's folder in the cache, named by its commit, with the chosen files in it.

    Only what is missing is downloaded. A commit that is all there needs no network; a branch or
    tag is looked up, and without a network taken as it was last seen.

    Raises:
        Refused: no network, no such repository, revision or file, no access, no space.
    """
    try:
        return _fetch(repository, choose)
    except _TROUBLE as error:
        if last_seen := repository.on_disk(choose):
            return last_seen
        raise _refused(repository, error) from error


def _fetch(repository: Repository, choose: Choose) -> Path:
    commit, entries = _listing(repository)
    names = choose(entries)
    if absent := [name for name in names if name not in entries]:
        alike = [name for name in entries if Path(name).suffix == Path(absent[0]).suffix]
        raise Refused(f"{repository.name} has no file {absent[0]!r}. {nearest(absent[0], alike)}")
    wanted = {name: entries[name] for name in names}
    folder = repository.folder(commit)
    if _missing(folder, wanted):
        _check_space(repository, wanted)
        folder = _download(repository, commit, wanted)
    return folder


def _listing(repository: Repository) -> tuple[str, Mapping[str, Entry]]:
    """The commit and its files; they are noted, because those of a commit never change."""
    if known := notes.read(repository.note(repository.revision)):
        return repository.revision, {name: Entry(*entry) for name, entry in known.items()}
    info = HfApi(endpoint=hub.endpoint()).model_info(
        repository.name, revision=repository.revision, files_metadata=True
    )
    entries = {
        file.rfilename: Entry(file.size or 0, file.lfs.sha256 if file.lfs else None)
        for file in info.siblings or ()
    }
    commit = info.sha or repository.revision
    if hub.COMMIT.fullmatch(commit):
        notes.write(repository.note(commit), entries)
    return commit, entries


def _download(repository: Repository, commit: str, wanted: Mapping[str, Entry]) -> Path:
    """The large files into the cache's blobs, then the rest and the links to all."""
    for name, entry in wanted.items():
        over_http = entry.size <= constants.MAX_HTTP_DOWNLOAD_SIZE  # beyond, xet alone serves it
        if over_http and entry.sha256 and _SHA256.fullmatch(entry.sha256):
            url = hf_hub_url(repository.name, name, revision=commit, endpoint=hub.endpoint())
            _download_blob(url, name, repository.storage / "blobs" / entry.sha256, entry.size)
    came = Path(
        snapshot_download(
            repository.name,
            revision=repository.revision,
            allow_patterns=[glob.escape(name) for name in wanted],
            cache_dir=hub.cache(),
            endpoint=hub.endpoint(),
        )
    )
    folder = repository.folder(came.name)
    if missing := _missing(folder, wanted):
        raise OSError(f"{missing[0]} did not come")
    return folder


def _download_blob(url: str, name: str, blob: Path, size: int) -> None:
    """One large file, unless it is there; another process that fetches it is waited for."""
    partial = blob.with_name(f"{blob.name}.incomplete")
    blob.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_dir() / f"{blob.name}.lock"):
        if not blob.exists():
            _resume(url, name, partial, size)
            partial.replace(blob)


def _resume(url: str, name: str, partial: Path, size: int) -> None:
    """Append to ``partial`` until it has ``size`` bytes, patiently as long as something comes."""
    failures = 0
    while (begin := _size(partial)) != size:
        try:
            with partial.open("ab" if begin < size else "wb") as file:
                http_get(
                    url,
                    file,
                    resume_size=file.tell(),
                    headers=build_hf_headers(),
                    expected_size=size,
                    displayed_filename=name,
                )
        except _TROUBLE as error:
            failures = 0 if begin < _size(partial) <= size else failures + 1
            if _is_final(error) or failures > len(PAUSES):
                raise
            time.sleep(PAUSES[max(failures - 1, 0)])


def _check_space(repository: Repository, wanted: Mapping[str, Entry]) -> None:
    """Compare what is still to come with what the disk of the cache has free."""
    blobs, place = repository.storage / "blobs", hub.cache()
    needed = 0
    for size, sha256 in wanted.values():
        needed += size - max(_size(blobs / f"{sha256}{end}") for end in ("", ".incomplete"))
    free = shutil.disk_usage(next(p for p in (place, *place.parents) if p.is_dir())).free
    if needed > free:
        raise Refused(
            f"{repository.name} needs {needed / 1e9:.2f} GB more in {place}, where "
            f"{free / 1e9:.2f} GB are free: make room, or set HF_HOME to a folder on another disk."
        )


def _missing(folder: Path, wanted: Mapping[str, Entry]) -> list[str]:
    return [name for name in wanted if not (folder / name).is_file()]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_final(error: BaseException) -> bool:
    """Whether trying again changes nothing: the Hub, the disk or HF_HUB_OFFLINE says no."""
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        return 400 <= status < 500 and status not in (408, 429)
    offline = isinstance(error, errors.OfflineModeIsEnabled)
    return offline or getattr(error, "errno", None) is not None


def _refused(repository: Repository, error: BaseException) -> Refused:
    """One sentence for whatever went wrong."""
    name, place = repository.name, hub.endpoint()
    if isinstance(error, errors.GatedRepoError):
        return Refused(
            f"{name} is gated: accept its terms at {place}/{name} and set HF_TOKEN to a token of "
            "the same account."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return Refused(
            f"{place} has no repository {name!r} that you may see: check the name, or set "
            "HF_TOKEN if it is private."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return Refused(
            f"{name} has no revision {repository.revision!r}: give a branch, a tag or a commit."
        )
    if isinstance(error, errors.OfflineModeIsEnabled):
        return Refused(
            f"{name} is not complete on this disk, and HF_HUB_OFFLINE forbids its download: unset "
            "it."
        )
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return Refused(
            f"The disk of {hub.cache()} is full. Make room and run the same command again: what "
            f"has come of {name} is kept."
        )
    reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return Refused(
        f"{name} is not complete on this disk and {place} does not send it: {reason}. Run the "
        "same command again when it can be reached: what has come is kept."
    )
