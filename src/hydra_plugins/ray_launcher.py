"""``hydra/launcher=ray``: each run of a sweep as a Ray task, here or on a cluster.

hydra-ray-launcher 1.2.2 asks for cloudpickle below 3 and for boto3, and ends the sweep with the
first worker that dies; here a run whose worker died is a failed job, and the others go on.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

#: bytes of Ray's object store, the least it takes: results here are a path each
STORE = 80_000_000
#: seconds that runs get to write their records after Ctrl-C
PATIENCE = 10.0


@dataclass
class RayLauncherConf:
    """``hydra.launcher``."""

    _target_: str = "hydra_plugins.ray_launcher.RayLauncher"
    address: str | None = None  #: of a Ray cluster, or ``auto``; without one Ray starts here
    workers: int = 2  #: runs at a time, where Ray starts here
    cpus: float = 1  #: of each run; a cluster runs as many at a time as fit
    gpus: float = 0  #: of each run; Ray hides all others from it
    runs: str | None = None  #: folder for records on the workers; without one it is the sweep's own


ConfigStore.instance().store(
    group="hydra/launcher", name="ray", node=RayLauncherConf, provider="infra"
)


class Job(NamedTuple):
    """What a worker is told."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    singletons: Any
    runs: str  #: the folder for its record
    folder: (
        str  #: where the sweep was started; a worker that has it works there, for relative paths
    )


class RayLauncher(Launcher):
    """One task a run, none tried twice by Ray; results in the order of the jobs."""

    def __init__(
        self,
        address: str | None,
        workers: int,
        cpus: float,
        gpus: float,
        runs: str | None,
    ) -> None:
        self.address, self.workers = address, workers
        self.cpus, self.gpus, self.runs = cpus, gpus, runs
        self._given: tuple[HydraContext, TaskFunction, DictConfig] | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Raises:
        Refused: Ray is not installed.
        """
        from infra.errors import Refused  # noqa: PLC0415
        from infra.resources import machine  # noqa: PLC0415  # Hydra imports every plugin at every start

        if not machine.versions(("ray",)):
            raise Refused("hydra/launcher=ray needs ray: pip install 'infra[ray]'")
        self._given = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run all jobs; one that has no result has its error instead."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray  # noqa: PLC0415  # heavy

        ours = not ray.is_initialized()
        if ours:
            self._connect()
        remote = ray.remote(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=0)(work)
        tasks = [remote.remote(job) for job in self._jobs(job_overrides, initial_job_idx)]
        try:
            return [_result(task) for task in tasks]
        except KeyboardInterrupt:
            for task in tasks:
                ray.cancel(task)
            ray.wait(tasks, num_returns=len(tasks), timeout=PATIENCE)
            raise
        finally:
            if ours:
                ray.shutdown()

    def _connect(self) -> None:
        import ray  # noqa: PLC0415  # heavy

        here = {
            "num_cpus": max(1, round(self.workers * self.cpus)),
            "object_store_memory": STORE,
            "include_dashboard": False,
        }
        given = {"address": self.address} if self.address else {"address": "local", **here}
        ray.init(**given, logging_level=logging.ERROR)

    def _jobs(self, overrides: Sequence[Sequence[str]], first: int) -> Iterator[Job]:
        assert self._given
        context, task, config = self._given
        folder = self.runs or os.environ.get("INFRA_RUNS", "runs")
        for number, each in enumerate(overrides, first):
            job = context.config_loader.load_sweep_config(config, list(each))
            with open_dict(job):
                job.hydra.job.id, job.hydra.job.num = f"{job.hydra.job.name}_{number}", number
            yield Job(context, task, job, Singleton.get_state(), folder, str(Path.cwd()))


def work(job: Job) -> JobReturn:
    """Do ``job``, on a worker."""
    os.environ["INFRA_RUNS"] = job.runs
    with suppress(OSError):
        os.chdir(job.folder)
    setup_globals()
    Singleton.set_state(job.singletons)
    HydraConfig.instance().set_config(job.config)
    return run_job(job.task, job.config, "hydra.sweep.dir", "hydra.sweep.subdir", job.context)


def _result(task: Any) -> JobReturn:
    import ray  # noqa: PLC0415  # heavy

    try:
        found: JobReturn = ray.get(task)
    except ray.exceptions.RayError as error:
        return JobReturn(status=JobStatus.FAILED, _return_value=error)
    return found
