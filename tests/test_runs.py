"""The folder of all runs: named, made and left as it should be."""

import errno
from pathlib import Path

import pytest

from infra import runs
from infra.clock import Clock
from infra.errors import Refused
from infra.plan import Plan, PromptSet, Weights

PLAN = Plan(Weights("m", "/m", "gguf"), "echo", "stored", PromptSet("p", "d", 1))


def test_a_name_that_is_too_long_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFRA_RUNS", str(home / ("x" * 300)))
    with pytest.raises(Refused, match="cannot be used: File name too long"):
        runs.root()


def test_a_run_that_cannot_begin_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "write_prompts", full)
    with pytest.raises(Refused, match="No space left"), runs.opened(PLAN, [], Clock()):
        pass
    assert list(runs.root().iterdir()) == []
