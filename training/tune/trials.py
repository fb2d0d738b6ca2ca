"""How a trial runs: counted, recorded, watched, and given up where it falls behind."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from optuna import Trial, TrialPruned

from recsys.errors import ConfigError, DataError, FitError
from recsys.models.recipe import Recipe
from training.tracking import Run, Tracker
from training.tune import study as studies
from training.tune.budget import Budget
from training.tune.objective import Objective
from training.tune.pruning import epoch_step, window_step
from training.tune.ranges import Space
from training.tune.sampling import tell
from training.tune.settings import settle
from training.tune.show import Show
from training.tune.spaces import searched

SOFT = (FitError, DataError, ConfigError)  # what a setting may be guilty of: the trial fails, the search goes on


class Surplus(FitError):
    """A trial too many, begun by two workers at once."""


@dataclass(frozen=True, eq=False)
class Search:
    """One section of a spec and where to look for its settings."""

    section: str
    recipe: Recipe  # as the spec has it
    space: Space
    objective: Objective
    budget: Budget

    @property
    def metric(self) -> str:
        """What is made as large as can be."""
        return self.objective.spec.metric


class Trials:
    """What Optuna calls to run a trial of a search."""

    def __init__(self, search: Search, tracker: Tracker, parent: Run, show: Show) -> None:
        self._search = search
        self._tracker = tracker
        self._parent = parent
        self._show = show

    def __call__(self, trial: Trial) -> float:
        trial.set_user_attr(studies.OWNER, studies.owner())
        rank = self._rank(trial)
        search = self._search
        try:
            recipe = settle(
                trial, search.recipe, search.space, rank=rank, budget=search.budget, seed=search.objective.spec.seed
            )
            trial.set_user_attr(studies.RECIPE, recipe.params())
            return self._recorded(trial, recipe)
        except SOFT as error:
            trial.set_user_attr(studies.FAILED, str(error))
            raise

    def _rank(self, trial: Trial) -> int:
        """How many trials that count began before this one. Raises Surplus where they are enough."""
        before = [other for other in studies.counted(trial.study) if other.number < trial.number]
        retried = trial.user_attrs.get(studies.RETRY_OF)
        twice = retried is not None and any(other.user_attrs.get(studies.RETRY_OF) == retried for other in before)
        if twice or self._search.budget.full(len(before)):
            trial.set_user_attr(studies.SURPLUS, True)
            raise Surplus("Other workers have begun all trials already.")
        return len(before)

    def _recorded(self, trial: Trial, recipe: Recipe) -> float:
        """Measure within a run of its own, which a pruned trial ends as well as a complete one."""
        pruned: TrialPruned | None = None
        value = math.nan
        self._show.doing(self._search.section, trial.number, recipe)
        with self._tracker.run(f"{self._search.section} {trial.number}", parent=self._parent) as run:
            run.params({"trial": trial.number, **recipe.params()})
            begin, state = time.perf_counter(), "failed"
            try:
                score = self._search.objective.score(recipe, self._epoch(trial), self._window(trial, run))
                if studies.is_default(trial):  # what validation chose there is what later trials learn from
                    tell(trial, searched(self._search.space), score.resolved.params())
                value, state = score.value, "complete"
            except TrialPruned as error:
                pruned, state = error, "pruned"
            finally:
                run.metrics({"seconds": time.perf_counter() - begin})
                run.tags({"recsys.state": state})
        if pruned is not None:
            raise pruned
        return value

    def _epoch(self, trial: Trial) -> Callable[[int, int, float], None]:
        def told(window: int, epoch: int, value: float) -> None:
            self._show.epoch(window, epoch, value)
            self._report(trial, value, epoch_step(window, epoch))

        return told

    def _window(self, trial: Trial, run: Run) -> Callable[[int, float], None]:
        def told(window: int, value: float) -> None:
            run.metrics({f"validation.{self._search.metric}": value}, step=window)
            self._report(trial, value, window_step(window))

        return told

    def _report(self, trial: Trial, value: float, step: int) -> None:
        """Tell the pruner, and stop where it says so; the default and a trial that is at its end go on."""
        if math.isnan(value):  # a window without a question says nothing
            return
        trial.report(value, step)
        at_end = step == window_step(len(self._search.objective.windows) - 1)
        if not at_end and not studies.is_default(trial) and trial.should_prune():
            raise TrialPruned
