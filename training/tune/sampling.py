"""How the settings of a trial are drawn: the same for the same study, seed and number, whoever asks and whenever."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna import Study, Trial
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from training.tune.ranges import Space

STARTUP = 8  # trials drawn at random before the sampler learns from them


def sampler(seed: int, number: int) -> BaseSampler:
    """A tree-structured Parzen estimator (Bergstra et al. 2011) for the trial of this number."""
    own = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
    return TPESampler(n_startup_trials=STARTUP, multivariate=False, seed=own)  # spans change from stage to stage


class Told(BaseSampler):
    """Draws what it is told: so that known settings count as a trial that others learn from."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing is drawn together."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing is drawn together."""
        return {}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any) -> Any:
        """The value told for this parameter."""
        return self._values[param_name]


def draw(trial: Trial, space: Space) -> dict[str, Any]:
    """A value for every field of a space."""
    return {field: range_.draw(trial, field) for field, range_ in space.items()}


def tell(trial: Trial, space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Enter those ``values`` that the space has, or what is nearest to them, as if they had been drawn."""
    nearest = {field: range_.nearest(values.get(field)) for field, range_ in space.items()}
    trial.study.sampler = Told(nearest)
    return draw(trial, {field: range_ for field, range_ in space.items() if nearest[field] is not None})
