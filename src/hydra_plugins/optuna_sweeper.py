"""``hydra/sweeper=optuna``: a search for the best of several metrics, over Optuna's own API.

hydra-optuna-sweeper 1.3.0 asks for Optuna below 3, whose storage fails with SQLAlchemy 2, so that
its searches cannot be resumed. Here the same command again goes on with the same search.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

if TYPE_CHECKING:
    from optuna import Trial


@dataclass
class OptunaSweeperConf:
    """``hydra.sweeper``; ``params`` are axes as the command line has them."""

    _target_: str = "hydra_plugins.optuna_sweeper.OptunaSweeper"
    trials: int = 20  #: runs in all, those before a resumption included
    at_once: int = 1  #: runs given to the launcher together
    params: dict[str, Any] = field(default_factory=dict)


ConfigStore.instance().store(
    group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="infra"
)


class OptunaSweeper(BasicSweeper):
    """Lets Optuna choose the combinations: ``a,b`` by name, ``interval(0,1)`` and
    ``int(interval(1,8))`` anywhere between."""

    def __init__(self, trials: int, at_once: int, params: dict[str, Any]) -> None:
        super().__init__(max_batch_size=None, params=params)
        self.trials, self.at_once = trials, at_once

    def sweep(self, arguments: list[str]) -> None:
        """Search for what ``params`` and the command line leave open."""
        from infra.errors import Refused  # noqa: PLC0415  # Hydra imports plugins at every start
        from infra.sweeps import search  # noqa: PLC0415  # as above

        for key in ("trials", "at_once"):
            if getattr(self, key) < 1:
                raise Refused(f"hydra.sweeper.{key}={getattr(self, key)} must be at least 1.")
        assert self.hydra_context
        assert self.config
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        space = parser.parse_overrides([*self._parse_config(), *arguments])
        words = [str(each.input_line) for each in space]
        study = search.opened(words, list(self.config.objectives), self.config.seed)
        search.run(
            study, self.trials, self.at_once,
            lambda trial: [chosen(trial, each) for each in space], self._launch,
        )  # fmt: skip
        search.show(study, list(self.config.objectives))

    def _launch(self, jobs: list[list[str]], first: int) -> Any:
        assert self.launcher
        return self.launcher.launch(jobs, first)


def chosen(trial: "Trial", override: Override) -> str:
    """``override`` with one value for ``trial``.

    Raises:
        Refused: there is nothing to choose from.
    """
    from infra.errors import Refused  # noqa: PLC0415  # as above

    try:
        return _chosen(trial, override)
    except ValueError as error:
        raise Refused(f"{override.input_line} cannot be searched: {error}") from error


def _chosen(trial: "Trial", override: Override) -> str:
    if not override.is_sweep_override():
        return str(override.input_line)
    key, value = override.get_key_element(), override.value()
    if isinstance(value, IntervalSweep):
        low, high, log = value.start, value.end, "log" in value.tags
        if isinstance(low, int) and isinstance(high, int):
            return f"{key}={trial.suggest_int(key, low, high, log=log)}"
        assert low is not None
        assert high is not None
        return f"{key}={trial.suggest_float(key, low, high, log=log)}"
    return f"{key}={trial.suggest_categorical(key, list(override.sweep_string_iterator()))}"
