"""Hydra's sweeper of infra: sees all runs of a sweep before the first; launching stays Hydra's."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException


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
        self._bases: dict[tuple[str, ...], DictConfig] = {}

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep that ``params`` and the command line ask for; the latter wins."""
        from infra.sweeps import sweep  # noqa: PLC0415  # Hydra imports every plugin at every start

        parsed = self._parsed([*self._parse_config(), *arguments])
        [jobs] = self.split_arguments(parsed, None)
        here = isinstance(self.launcher, BasicLauncher)
        sweep.run([(job, self._composed(job)) for job in jobs], None if here else self._launch)

    def _parsed(self, overrides: Sequence[str]) -> list[Override]:
        assert self.hydra_context
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return parser.parse_overrides(list(overrides))

    def _composed(self, overrides: Sequence[str]) -> Any:
        """Composing takes 0.1 s, so that is done once for all runs that differ in values only."""
        from infra.configuration import compose  # noqa: PLC0415  # as above
        from infra.configuration.vocabulary import known_keys  # noqa: PLC0415  # as above

        values = [each for each in overrides if each.partition("=")[0] in known_keys()]
        config = deepcopy(self._base(tuple(each for each in overrides if each not in values)))
        try:
            for each in self._parsed(values):
                OmegaConf.update(config, each.get_key_element(), each.value())
        except OmegaConfBaseException:
            config = self._base(tuple(overrides))  # for what Hydra says of the one that is wrong
        return compose.typed(config)

    def _base(self, overrides: tuple[str, ...]) -> DictConfig:
        from infra.configuration import compose  # noqa: PLC0415  # as above

        if overrides not in self._bases:
            assert self.hydra_context
            assert self.config
            loader = self.hydra_context.config_loader
            config = loader.load_sweep_config(self.config, list(overrides))
            with read_write(config), open_dict(config):
                compose.check_hydra(config.pop("hydra"))
            self._bases[overrides] = config
        return self._bases[overrides]

    def _launch(self, jobs: list[list[str]]) -> Any:
        assert self.launcher
        return self.launcher.launch(jobs, initial_job_idx=0)
