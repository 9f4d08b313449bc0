"""A Hugging Face Hub on loopback: the few endpoints that huggingface_hub calls for a download.

Files from ``LARGE`` bytes on are large: like the real Hub it redirects them to another host, which
serves ranges. ``cuts`` breaks connections there.
"""

import functools
import hashlib
import json
import re
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import unquote, urlsplit

LARGE = 100_000


@dataclass
class Repo:
    """One repository with one commit on its branch ``main``."""

    files: dict[str, bytes]
    gated: bool = False

    @property
    def commit(self) -> str:
        listed = "".join(f"{name} {oid(data)}" for name, data in sorted(self.files.items()))
        return hashlib.sha1(listed.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Cut:
    """Break the next download of a large file after ``after`` bytes. ``reset``: without goodbye,
    which loses what is on its way, so not before ``ready``."""

    after: int
    reset: bool = False
    ready: Callable[[], bool] = lambda: True


@dataclass
class Hub:
    """``with Hub() as hub``: serves ``repos`` at ``url`` and notes every request."""

    repos: dict[str, Repo] = field(default_factory=dict)
    cuts: list[Cut] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, self))
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def fetched(self) -> list[str]:
        """Names and blobs whose content was asked for."""
        return [path.rsplit("/", 1)[1] for method, path, _ in self.requests
                if method == "GET" and not path.startswith("/api/")]  # fmt: skip

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of each request for a large file's content."""
        return [headers.get("range") for method, path, headers in self.requests
                if method == "GET" and path.startswith("/cdn/")]  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    def __init__(self, hub: Hub, *arguments: Any) -> None:
        self.hub = hub
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Tests read ``Hub.requests`` instead."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append((self.command, path, headers))
        if match := re.fullmatch(r"/api/models/(.+)/(revision|tree)/([^/]+)", path):
            self.list(match[1], match[2], match[3])
        elif match := re.fullmatch(r"/(.+)/resolve/([^/]+)/(.+)", path):
            self.resolve(match[1], match[2], match[3])
        elif path.startswith("/cdn/"):
            self.large(path.removeprefix("/cdn/"))
        else:
            self.refuse(404, "EntryNotFound")

    def found(self, name: str, revision: str) -> Repo | None:
        """The repository, or an answer that it or its revision is unknown."""
        repo = self.hub.repos.get(name)
        if repo is None:
            self.refuse(401, "RepoNotFound")
        elif revision not in ("main", repo.commit):
            self.refuse(404, "RevisionNotFound")
        else:
            return repo
        return None

    def list(self, name: str, kind: str, revision: str) -> None:
        if repo := self.found(name, revision):
            names = sorted(repo.files)
            if kind == "tree":
                self.json([tree_entry(each, repo.files[each]) for each in names])
            else:
                siblings = [sibling(each, repo.files[each]) for each in names]
                self.json({"id": name, "sha": repo.commit, "siblings": siblings})

    def resolve(self, name: str, revision: str, file: str) -> None:
        repo = self.found(name, revision)
        if repo is None:
            return
        if repo.gated:
            self.refuse(403, "GatedRepo")
        elif file not in repo.files:
            self.refuse(404, "EntryNotFound", {"X-Repo-Commit": repo.commit})
        else:
            self.send_file(repo, repo.files[file])

    def send_file(self, repo: Repo, data: bytes) -> None:
        headers = {"X-Repo-Commit": repo.commit, "ETag": f'"{oid(data)}"'}
        if len(data) < LARGE:
            self.answer(200, data, headers)
            return
        sha256 = sha(data)
        headers |= {
            "Location": f"http://localhost:{self.hub.server.server_port}/cdn/{sha256}",
            "X-Linked-Size": str(len(data)),
            "X-Linked-ETag": f'"{sha256}"',
        }
        self.answer(302, b"", headers)

    def large(self, sha256: str) -> None:
        files = [data for repo in self.hub.repos.values() for data in repo.files.values()]
        data = next(data for data in files if sha(data) == sha256)
        start = 0
        headers = {"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"}
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(match[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.answer(206 if match else 200, data[start:], headers, cuttable=True)

    def json(self, value: object) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self.answer(status, b"", {"X-Error-Code": code, **(headers or {})})

    def answer(
        self, status: int, body: bytes, headers: dict[str, str], cuttable: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if cuttable and self.hub.cuts:
            self.cut(body, self.hub.cuts.pop(0))
        else:
            self.wfile.write(body)

    def cut(self, body: bytes, cut: Cut) -> None:
        self.wfile.write(body[: cut.after])
        self.wfile.flush()
        while not cut.ready():
            time.sleep(0.01)
        if cut.reset:
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.close_connection = True


@functools.cache
def sha(data: bytes) -> str:
    """The name of a large file's content."""
    return hashlib.sha256(data).hexdigest()


@functools.cache
def oid(data: bytes) -> str:
    """Git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def lfs(data: bytes) -> dict[str, Any]:
    """What the Hub says of a large file."""
    if len(data) < LARGE:
        return {}
    return {"sha256": sha(data), "size": len(data), "pointerSize": 134}


def sibling(name: str, data: bytes) -> dict[str, Any]:
    """A file in the answer about a revision."""
    entry = {"rfilename": name, "size": len(data), "blobId": oid(data)}
    return entry | ({"lfs": large} if (large := lfs(data)) else {})


def tree_entry(name: str, data: bytes) -> dict[str, Any]:
    """A file in a tree listing."""
    entry = {"type": "file", "path": name, "size": len(data), "oid": oid(data)}
    if large := lfs(data):
        entry["lfs"] = {"oid": large.pop("sha256"), **large}
    return entry
