"""A backend that gets into trouble where it is told to, and how tests wait for things."""

import time
from collections.abc import Callable
from typing import TypeVar

#: TROUBLE=KIND:STAGE, or KIND:STAGE:N to trouble only runs with sampling.max_tokens=N
PLUGIN = """
import os, time
from infra import hookimpl
from infra_plugins.echo import Echo, EchoEngine

PLAN = []

def trouble(stage):
    kind, at, only = (os.environ.get("TROUBLE", "") + "::").split(":")[:3]
    if at != stage or (only and str(PLAN[0].sampling.max_tokens) != only):
        return
    if kind == "hang":
        time.sleep(600)
    if kind == "abort":
        os.abort()
    if kind == "once" and not os.path.exists("troubled"):
        open("troubled", "w").close()
        os.abort()
    if kind == "raise":
        raise RuntimeError("the engine broke\\nthis is how")

class Engine(EchoEngine):
    def generate(self, ids, sampling, matcher=None):
        for n, token in enumerate(super().generate(ids, sampling)):
            if n == 2:
                trouble(STAGE[0])
            yield token

class Backend(Echo):
    def prepare(self, plan):
        trouble("import")
    def load(self, plan):
        trouble("load")
        return Engine(plan)

@hookimpl
def infra_backends():
    return {"troubled": Backend()}

STAGE = [""]

@hookimpl
def infra_stage(stage, plan):
    PLAN[:], STAGE[:] = [plan], [stage]
    if stage == "parse":
        trouble("parse")
    yield
"""

Found = TypeVar("Found")


def until(look: Callable[[], Found | None]) -> Found:
    """What ``look`` gives once it gives something."""
    for _ in range(600):
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("nothing came")
