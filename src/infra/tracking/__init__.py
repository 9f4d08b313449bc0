"""Tracking with MLflow: one call after the run. Whatever goes wrong is a sentence, not an error;
the record on disk is complete without it, and ``sync`` publishes later what is missing."""

from infra.tracking.choice import KINDS, check
from infra.tracking.mlflow_store import stopped
from infra.tracking.outbox import Outbox
from infra.tracking.page import ui_command
from infra.tracking.publishing import FILES, MARK, prepare, publish
from infra.tracking.sweeps import close_sweep, open_sweep
from infra.tracking.syncing import Problem, fetch, sync

__all__ = [
    "FILES",
    "KINDS",
    "MARK",
    "Outbox",
    "Problem",
    "check",
    "close_sweep",
    "fetch",
    "open_sweep",
    "prepare",
    "publish",
    "stopped",
    "sync",
    "ui_command",
]
