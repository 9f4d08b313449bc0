"""The streams of a command, whose readers may leave."""

import os
from pathlib import Path

from rich.console import Console as RichConsole


class Stream(RichConsole):
    """A stream whose reader may leave: what is still written then goes nowhere."""

    needed = True  #: whether a full disk is an error, or what is still written goes nowhere too
    lost: str | None = None  #: why it went nowhere

    def on_broken_pipe(self) -> None:
        self.file = Path(os.devnull).open("w")  # noqa: SIM115  # it lives as long as the process

    def _check_buffer(self) -> None:  # where rich itself looks for a broken pipe
        try:
            super()._check_buffer()
        except OSError as error:
            if self.needed:
                raise
            self.lost = error.strerror
            self.on_broken_pipe()
