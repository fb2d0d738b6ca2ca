"""Which settings a trial tries.

The spec's own come first. With the fewest factors every third trial is drawn from the whole space, the others around
what did best so far, which after the first trial is what the recipe itself has chosen on validation. With more factors
it is first what did best, as it is, and then around it.
"""

from collections.abc import Sequence

from optuna import Trial
from optuna.trial import FrozenTrial, TrialState

from recsys.models.recipe import Recipe
from training.tune import study as studies
from training.tune.budget import Budget
from training.tune.ranges import Choice, Space
from training.tune.sampling import draw, sampler, tell
from training.tune.spaces import FACTORS, searched, stages_of, with_values

FAR = 3  # every so many trials one is drawn from the whole space


def settle(trial: Trial, recipe: Recipe, space: Space, *, rank: int, budget: Budget, seed: int) -> Recipe:
    """The recipe of the trial with ``rank`` others before it. ConfigError where its settings do not go together."""
    if studies.is_default(trial):
        return recipe
    stages = stages_of(space)
    factors: int | None = trial.user_attrs.get(studies.FACTORS) or stages[budget.stage(rank, len(stages))]
    trial.set_user_attr(studies.FACTORS, factors)
    drawn, rest = {}, dict(searched(space))
    before = [other for other in studies.counted(trial.study) if other.number < trial.number]
    base = _best(before, factors)
    is_near = factors != stages[0] or rank % FAR != FAR - 1
    if base is not None and is_near and studies.RETRY_OF not in trial.user_attrs:
        is_first = factors != stages[0] and all(other.user_attrs.get(studies.FACTORS) != factors for other in before)
        kept = rest if is_first else {name: range_ for name, range_ in rest.items() if isinstance(range_, Choice)}
        drawn = tell(trial, kept, base.params)
        rest = {name: range_.near(base.params.get(name)) for name, range_ in rest.items() if name not in drawn}
    trial.study.sampler = sampler(seed, trial.number)
    drawn |= draw(trial, rest)
    if factors is not None:
        drawn[FACTORS] = factors
    return with_values(recipe, drawn, f"Trial {trial.number}")


def _best(trials: Sequence[FrozenTrial], factors: int | None) -> FrozenTrial | None:
    """The best complete trial with at most so many factors, or the default; the earlier one of equals."""
    found = [
        trial
        for trial in trials
        if trial.state == TrialState.COMPLETE
        and (studies.is_default(trial) or factors is None or trial.user_attrs[studies.FACTORS] <= factors)
    ]
    return max(found, key=lambda trial: trial.value or 0.0, default=None)
