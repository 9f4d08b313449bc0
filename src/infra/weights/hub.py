"""What of a Hugging Face repository is on this disk, told without huggingface_hub or a network."""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from infra.errors import Refused
from infra.weights import notes

COMMIT = re.compile(r"[0-9a-f]{40}")

#: picks the needed ones of a repository's file names; raises Refused where they cannot do
Choose = Callable[[Collection[str]], list[str]]


@dataclass(frozen=True)
class Repository:
    """A repository at a revision, and its place in the Hub's cache."""

    name: str
    revision: str

    @property
    def storage(self) -> Path:
        """Holds ``blobs``, ``snapshots`` and ``refs``."""
        return cache() / f"models--{self.name.replace('/', '--')}"

    @property
    def commit(self) -> str | None:
        """What the revision means, as far as this disk knows."""
        if COMMIT.fullmatch(self.revision):
            return self.revision
        ref = self.storage / "refs" / self.revision
        return ref.read_text().strip() if ref.is_file() else None

    def folder(self, commit: str) -> Path:
        """Where the files of ``commit`` lie."""
        return self.storage / "snapshots" / commit

    def note(self, commit: str) -> str:
        """The note that keeps the list of its files: name -> size and SHA-256."""
        return f"hub/{self.name.replace('/', '--')}@{commit}.json"

    def on_disk(self, choose: Choose) -> Path | None:
        """The folder with all files that ``choose`` picks, or nothing."""
        if (commit := self.commit) is None:
            return None
        folder = self.folder(commit)
        present = [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]
        try:
            wanted = choose(notes.read(self.note(commit)) or present)
        except Refused:
            return None
        return folder if set(wanted) <= set(present) else None


def cache() -> Path:
    """The Hub's cache, by the Hub's own rules: HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME."""
    home = os.environ.get("HF_HOME", f"{os.environ.get('XDG_CACHE_HOME', '~/.cache')}/huggingface")
    named = (os.environ.get(key) for key in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"))
    chosen = next((name for name in named if name is not None), f"{home}/hub")
    return Path(os.path.expandvars(chosen)).expanduser().absolute()


def endpoint() -> str:
    """The Hub's address."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
