"""Functions in a process of their own, which is ended where one takes too long.

It starts with the first call, keeps what functions remember from one call to the next, and ends
with its parent. Both send JSON over a socket; ``served`` is its program.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from infra.calls.answered import Answered, failed
from infra.types import Call

#: seconds that the process may take to import what registers the functions
START = 60.0


class Worker:
    """The process, seen from its parent."""

    def __init__(self, names: Sequence[str], timeout: float) -> None:
        """
        Args:
            names: of registered functions.
            timeout: seconds that one may take.
        """
        self._names, self._timeout = names, timeout
        self._running: tuple[subprocess.Popen[bytes], Connection] | None = None

    def run(self, call: Call) -> Answered:
        """The result of a function. Never raises."""
        if self._running is None:
            self._running = self._started()
            ready = self._heard(START, "its process has not started")
            if ready.error:
                return ready
        _, socket = self._running
        with contextlib.suppress(OSError):  # one that has ended is noticed below
            socket.send_bytes(json.dumps([call.name, call.arguments]).encode())
        return self._heard(self._timeout, "no result")

    def close(self) -> None:
        """End the process, if there is one, and all that it has started."""
        if self._running:
            process, socket = self._running
            socket.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running = None

    def _started(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "infra.calls.served", str(theirs.fileno()), *self._names]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], process_group=0
        )
        theirs.close()
        return process, ours

    def _heard(self, within: float, late: str) -> Answered:
        """What it says; if it has ended or takes longer than ``within`` seconds, it is ended."""
        assert self._running
        process, socket = self._running
        try:
            if socket.poll(within):
                return Answered(*json.loads(socket.recv_bytes()))
            sentence = f"TimeoutError: {late} after {within:g} s"
        except (EOFError, OSError):
            sentence = f"It ended its process: {_ended(process.wait())}"
        self.close()
        return failed(sentence)


def _ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
