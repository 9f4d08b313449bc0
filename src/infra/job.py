"""Experiments from the command line: one run, or each of a sweep."""

from infra import compose, experiment, planning, runs
from infra.console import Console
from infra.errors import Refused
from infra.experiment import Outcome
from infra.plugins import registry
from infra.schema import Config


def main(arguments: list[str]) -> int:
    """Compose, run, show; the last line on stdout is the path of the last record."""
    job = Job()
    runs.ensure_root()
    job.recover()
    compose.run(arguments, registry(), job, job.refused)
    return job.code


class Job:
    """What Hydra calls for each run; it raises for Ctrl-C alone, so that a sweep goes on."""

    def __init__(self) -> None:
        self.console, self.code = Console(), 0

    def __call__(self, config: Config) -> None:
        try:
            plan, prompts = planning.build(config, registry())
            self._finish(experiment.execute(plan, prompts, registry(), self.console))
        except Refused as error:
            self.refused(str(error))

    def refused(self, sentence: str) -> None:
        """One run that cannot be; a sweep goes on."""
        self.console.say(f"infra: {sentence}")
        self.code = max(self.code, Refused.exit_code)

    def _finish(self, outcome: Outcome) -> None:
        status, cause = outcome.record.status, outcome.record.cause
        self.console.finish(outcome.record)
        if status == "FAILED":
            self.code = max(self.code, 1)
        if cause:
            self.console.say(f"infra: {status}: {cause}")
        self.console.out.print(str(outcome.path), soft_wrap=True)
        if outcome.interrupted:
            raise KeyboardInterrupt

    def recover(self) -> None:
        """Write the records of runs whose parent was killed."""
        for folder in runs.unfinished():
            self.console.say(runs.recover(folder))
