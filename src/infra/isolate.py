"""The child process, seen from the parent: started, told what to do, watched, ended or kept."""

import contextlib
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from infra.clock import Clock
from infra.journal import Reader, State
from infra.plan import Plan
from infra.resources import gpu, limits, memory

#: as a program of sh: go into the cgroup whose file is ``$0``, then become the command
ENTER = 'echo $$ > "$0" && exec "$@"'
#: seconds between two looks at a child at work
TICK = 0.25
#: samples kept of a run; every second one is dropped when there are more
MOST_SAMPLES = 240


@dataclass
class Samples:
    """A time series that thins itself out, so that a long run's record stays small."""

    rows: list[dict[str, float]] = field(default_factory=list)
    _every: int = 1
    _count: int = 0

    def add(self, row: dict[str, float]) -> None:
        if self._count % self._every == 0:
            self.rows.append(row)
        self._count += 1
        if len(self.rows) > MOST_SAMPLES:
            self.rows, self._every = self.rows[::2], self._every * 2


class Process:
    """One ``python -m infra.host``, which runs one folder after another. It rings a bell, a
    pipe that ends with it, whenever its parent should look at the journal."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        """Args:
        limit: bytes of memory that it may use, all that it starts included.
        """
        self.group = limits.Group(limit) if limit else None
        self.bell, ring = os.pipe()
        command = [sys.executable, "-m", "infra.host", str(folder), str(ring)]
        if self.group:  # a shell enters first, so that all of Python counts
            command = ["sh", "-c", ENTER, str(self.group.door), *command]
        with (folder / "child.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, process_group=0,
                pass_fds=[ring],
            )  # fmt: skip
        os.close(ring)
        self.pid = self._process.pid

    def say(self, line: str) -> None:
        """Write one line to its stdin; one that has ended does not hear it."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def listen(self, within: float) -> bool:
        """Wait for the bell; whether the process has ended."""
        readable, _, _ = select.select([self.bell], [], [], within)
        return bool(readable) and not os.read(self.bell, 64)

    def end(self) -> int:
        """Kill it where it still runs; gives its exit code, negative for a signal."""
        with contextlib.suppress(BrokenPipeError), self._process:
            if self._process.poll() is None:
                self._process.kill()
        with contextlib.suppress(OSError):
            os.close(self.bell)
        if self.group:
            self.group.remove()
        return self._process.returncode

    @property
    def limit_hit(self) -> int | None:
        """The limit of memory in bytes, if the kernel killed something for it; known once the
        process has ended."""
        return self.group.limit if self.group and self.group.killed else None


class Thread:
    """The same inside this process, for debuggers and profilers. It cannot be killed: what is ended
    goes on unheard until the program ends."""

    limit_hit = None

    def __init__(self, folder: Path) -> None:
        from infra.host import Host  # noqa: PLC0415  # with all that a child needs

        self.bell, ring = os.pipe()
        self.pid = os.getpid()
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        host = Host(ring, self._orders.get)
        threading.Thread(target=host.serve, args=(folder,), daemon=True).start()

    def say(self, line: str) -> None:
        """As ``Process.say``."""
        self._orders.put(line)

    def listen(self, within: float) -> bool:
        """As ``Process.listen``; it never ends by itself."""
        if select.select([self.bell], [], [], within)[0]:
            os.read(self.bell, 64)
        return False

    def end(self) -> int:
        """Nothing can be done."""
        return 0


class Child:
    """One run in a process that holds, or will hold, its engine."""

    def __init__(self, process: Process | Thread, folder: Path, clock: Clock, state: State) -> None:
        self.process, self.folder, self.clock, self.state = process, folder, clock, state
        self.samples = Samples()
        self.ended: int | None = None  #: exit code, once the process is gone
        self.died = False  #: whether it ended by itself
        self.reused = False  #: whether its engine was loaded for another run
        self._reader = Reader(folder)

    def kill(self) -> None:
        """End the process at once and take in what it had written."""
        if self.ended is None:
            self.ended = self.process.end()
        self._read()

    def go(self) -> None:
        """Let the child, if it still is, begin to load; it waits once its engine is imported."""
        if self.ended is None:
            self.process.say("go")

    def watch(self, seen: Callable[[State, dict[str, float]], None], timeout: float | None) -> None:
        """Follow the run until it is over; ``seen`` is called after each look.

        Raises:
            TimeoutError: it took more than ``timeout`` seconds; the child is killed.
        """
        for _ in self._looks(timeout, lambda: self.state.over):
            seen(self.state, self._sample())
        seen(self.state, {})

    def wait_ready(self, timeout: float | None) -> None:
        """Follow the child until its engine is imported, or it ends.

        Raises:
            TimeoutError: as ``watch``.
        """
        for _ in self._looks(timeout, lambda: self.state.ready or self.state.over):
            pass

    @property
    def ended_by(self) -> str:
        """How the process ended, e.g. ``SIGKILL`` or ``exit code 1``."""
        code = self.ended or 0
        if code == os.EX_IOERR:
            free = shutil.disk_usage(self.folder).free
            return f"a failed write to {self.folder}, where {free:,} bytes are free"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _looks(self, timeout: float | None, over: Callable[[], bool]) -> Iterator[None]:
        """One item a look, until ``over`` or the end of the process."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self._read()
        while self.ended is None and not over():
            if self.process.listen(TICK):
                self.ended, self.died = self.process.end(), True
            self._read()
            yield
            if deadline is not None and time.monotonic() > deadline and not over():
                self.kill()
                raise TimeoutError

    def _read(self) -> None:
        for line in self._reader.lines():
            self.state.apply(line)

    def _sample(self) -> dict[str, float]:
        row = {"t": self.clock.now(), "tokens": float(self.state.tokens)}
        with contextlib.suppress(OSError, psutil.Error):
            pid = self.process.pid
            row["cpu"] = memory.cpu_seconds(pid)
            used = memory.usage(pid)
            row |= {key: float(value) for key, value in used.items() if value is not None}
        busy = gpu.percent(self.state.facts.device) if self.state.facts else None
        if busy is not None:
            row["gpu"] = busy
        self.samples.add(row)
        return row


class Hosts:
    """Starts child processes, and keeps the last one for a run that loads the same."""

    def __init__(self) -> None:
        self._kept: tuple[str, Process] | None = None

    @contextlib.contextmanager
    def child(self, plan: Plan, folder: Path, clock: Clock, state: State) -> Iterator[Child]:
        """A child for one run; no process is left behind but one that is kept."""
        reused = self.holds(plan)
        child = Child(self._process(plan, folder), folder, clock, state)
        child.reused = reused
        try:
            yield child
        finally:
            kept = plan.isolation == "reuse" and state.done and child.ended is None
            if kept and isinstance(child.process, Process):
                self._kept = (plan.load_key, child.process)
            else:
                child.kill()

    def holds(self, plan: Plan) -> bool:
        """Whether a process is kept that has loaded what ``plan`` loads."""
        return self._kept is not None and (plan.isolation, plan.load_key) == (
            "reuse",
            self._kept[0],
        )

    def close(self) -> None:
        """End the process that was kept, if any."""
        if self._kept:
            self._kept[1].end()
        self._kept = None

    def _process(self, plan: Plan, folder: Path) -> Process | Thread:
        kept, self._kept = self._kept, None
        if kept:
            key, process = kept
            if plan.isolation == "reuse" and key == plan.load_key and not process.listen(0):
                process.say(str(folder))
                return process
            process.end()
        return Thread(folder) if plan.isolation == "none" else Process(folder, plan.memory)
