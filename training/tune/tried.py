"""Trials of the database in our own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from recsys.models.recipe import Recipe, parse
from training.tune import study as studies
from training.tune.spaces import FACTORS

STATES = {TrialState.FAIL: "failed"}
VALUED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, eq=False)
class Tried:
    """What is known of a trial."""

    number: int
    state: str  # complete, pruned, failed, running or waiting
    value: float | None  # of a pruned trial, when it was given up
    seconds: float | None
    recipe: Recipe | None
    settings: Mapping[str, Any]  # what was drawn, and the factors; empty for the default
    is_default: bool
    reason: str  # why it failed


def tried(trial: FrozenTrial) -> Tried:
    """One trial."""
    told, is_default = trial.user_attrs, studies.is_default(trial)
    recipe = parse(told[studies.RECIPE]) if studies.RECIPE in told else None
    fields = [] if is_default or recipe is None else list(trial.params)
    if fields and told.get(studies.FACTORS) is not None:
        fields.insert(0, FACTORS)
    return Tried(
        number=trial.number,
        state=STATES.get(trial.state, trial.state.name.lower()),
        value=trial.value if trial.state in VALUED else None,
        seconds=trial.duration.total_seconds() if trial.duration else None,
        recipe=recipe,
        settings={field: getattr(recipe, field) for field in fields},
        is_default=is_default,
        reason=str(told.get(studies.FAILED, "")),
    )


def all_tried(study: optuna.Study) -> tuple[Tried, ...]:
    """The trials of a study that count, in their order."""
    return tuple(tried(trial) for trial in studies.counted(study))


def best_of(trials: Sequence[Tried]) -> Tried | None:
    """The best complete trial, the earlier one of equals; None where none is complete."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)
