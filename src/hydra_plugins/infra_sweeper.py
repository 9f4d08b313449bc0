"""Hydra's sweeper of infra: sees all runs of a sweep before the first; launching stays Hydra's."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import open_dict, read_write


@dataclass
class InfraSweeperConf:
    """``hydra.sweeper``; ``params`` are the axes of an ablation, as on the command line."""

    _target_: str = "hydra_plugins.infra_sweeper.InfraSweeper"
    params: dict[str, Any] = field(default_factory=dict)


ConfigStore.instance().store(
    group="hydra/sweeper", name="infra", node=InfraSweeperConf, provider="infra"
)


class InfraSweeper(BasicSweeper):
    """All combinations at once: composed, then handed to ``infra.sweeps`` with the launcher."""

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(max_batch_size=None, params=params)

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep that ``params`` and the command line ask for; the latter wins."""
        from infra.sweeps import sweep  # noqa: PLC0415  # Hydra imports every plugin at every start

        assert self.hydra_context
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        parsed = parser.parse_overrides([*self._parse_config(), *arguments])
        [jobs] = self.split_arguments(parsed, None)
        elsewhere = not isinstance(self.launcher, BasicLauncher)
        sweep.run([(job, self._composed(job)) for job in jobs], self._launch, elsewhere)

    def _composed(self, overrides: Sequence[str]) -> Any:
        from infra import compose  # noqa: PLC0415  # as above

        assert self.hydra_context
        assert self.config
        loader = self.hydra_context.config_loader
        config = deepcopy(loader.load_sweep_config(self.config, list(overrides)))
        with read_write(config), open_dict(config):
            hydra = config.pop("hydra")
        return compose.typed(config, hydra)

    def _launch(self, jobs: list[list[str]]) -> Any:
        assert self.launcher
        return self.launcher.launch(jobs, initial_job_idx=0)
