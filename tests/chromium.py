"""A page in headless Chromium, driven through its debugging pipe; needs no further library.

Protocol: https://chromedevtools.github.io/devtools-protocol, one JSON object and a NUL a message.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--hide-scrollbars",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip
#: messages that tell of an error, or of something fetched
WATCHED = {"Runtime.exceptionThrown", "Log.entryAdded", "Network.requestWillBeSent"}


def browser() -> str | None:
    """Chromium on the PATH, or ``None``."""
    return shutil.which("chromium") or shutil.which("google-chrome")


class Page:
    """One tab. ``events`` are the messages of WATCHED and whatever a page logs as an error."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest, self._asked, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        answer = next(each for each in self._messages() if each.get("id") == self._asked)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" not in self._rest:
                self._rest += os.read(self._reading, 1 << 20) or b'{"id": -1}\0'
            line, _, self._rest = self._rest.partition(b"\0")
            message = json.loads(line)
            assert message.get("id") != -1, "Chromium has gone"
            if message.get("method") in WATCHED or _is_error(message):
                self.events.append(message)
            yield message

    def show(self, width: int, height: int, scheme: str) -> None:
        """The window's size, and the light or dark colours that a person prefers."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def open(self, place: Path | str) -> None:
        """A file or an address, until all is loaded."""
        url = place if isinstance(place, str) else place.absolute().as_uri()
        self.ask("Page.navigate", url=url)
        next(each for each in self._messages() if each.get("method") == "Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def write(self, text: str) -> None:
        """What a person writes into the field that has the focus."""
        self.ask("Input.insertText", text=text)

    def press(self, key: str, code: int) -> None:
        """One key, by its name and its Windows key code."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def picture(self, whole: bool = False) -> bytes:
        """A PNG of the window, or of all the page."""
        found = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def requests(self) -> list[str]:
        """Addresses that were fetched."""
        asked = [each for each in self.events if each["method"] == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in asked]

    def errors(self) -> list[dict[str, Any]]:
        """What the page threw or logged as an error."""
        return [each for each in self.events if each["method"] != "Network.requestWillBeSent"]


def _is_error(message: dict[str, Any]) -> bool:
    called = message.get("method") == "Runtime.consoleAPICalled"
    return called and message["params"]["type"] in ("error", "assert")


@contextmanager
def opened(program: str) -> Iterator[Page]:
    """A new browser with a profile of its own; it ends with the block."""
    theirs, writing = os.pipe()
    reading, back = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}"]
        with _started(command, theirs, back) as process:
            os.close(theirs)
            os.close(back)
            try:
                yield Page(reading, writing)
            finally:
                os.close(writing)
                os.close(reading)
                process.terminate()


def _started(command: list[str], theirs: int, back: int) -> "subprocess.Popen[bytes]":
    """Chromium reads descriptor 3 and writes 4."""
    shell = f'exec "$@" 3<&{theirs} 4>&{back}'
    return subprocess.Popen(
        ["bash", "-c", shell, "bash", *command], pass_fds=(theirs, back),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
