"""The process that functions run in:

    python -m infra.calls.served SOCKET NAME...

What comes is a function's name and its arguments, what goes back is ``answered.Answered``; the
first one says that all is ready.
"""

import json
import os
import select
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection

from infra.calls.answered import Answered, outcome
from infra.calls.functions import chosen
from infra.plugins import registry


def main(socket: int, names: Sequence[str]) -> None:
    """Answer calls until the other side is gone."""
    os.set_inheritable(socket, False)
    threading.Thread(target=_end_with, args=(socket,), daemon=True).start()
    functions = {each.name: each for each in chosen(names, registry())}
    with Connection(socket) as connection:
        connection.send_bytes(json.dumps(Answered(None)).encode())
        while True:
            name, arguments = json.loads(connection.recv_bytes())
            answer = outcome(lambda: functions[name].run(arguments))  # noqa: B023  # it is used at once
            connection.send_bytes(json.dumps(answer).encode())


def _end_with(socket: int) -> None:
    """End this process and all that it has started once the other side is gone."""
    poll = select.poll()
    poll.register(socket, 0)  # a hang-up is told in any case
    poll.poll()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
