"""What a setting is worth: the spec's metric on the validation slices, fitted on train alone."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recsys.dataset.data import Split
from recsys.errors import FitError
from recsys.evaluate import evaluate, pool
from recsys.models.recipe import FitContext, Recipe
from training.spec import RunSpec

CURVE = "ndcg@10"  # what recipes report of the holdout after an epoch

Epoch = Callable[[int, int, float], None]  # window, epoch, value of CURVE
Window = Callable[[int, float], None]  # window, the metric over all windows up to it


@dataclass(frozen=True)
class Score:
    """The metric over all windows, and the recipe with what validation chose in the newest one."""

    value: float
    resolved: Recipe


@dataclass(frozen=True, eq=False)
class Objective:
    """The windows of a run; nothing of a test slice is touched.

    A fit keeps no checkpoint: whatever ``epoch`` or ``window`` raises ends it with nothing left behind.
    """

    windows: Sequence[Split]
    spec: RunSpec
    device: str = "cpu"
    threads: int = 0  # all cores

    def __post_init__(self) -> None:
        if not any(len(split.validation) for split in self.windows):
            raise FitError("There is nothing to validate on; give the log more events or choose another [split].")

    def score(self, recipe: Recipe, epoch: Epoch, window: Window) -> Score:
        """Fit and measure a recipe window by window, telling how it goes. Raises FitError where it cannot be fitted."""
        cutoff = int(self.spec.metric.split("@")[1])
        found, value, resolved = [], math.nan, recipe
        for place, split in enumerate(self.windows):
            context = FitContext(
                seed=self.spec.seed,
                device=self.device,
                threads=self.threads,
                holdout=split.validation,
                report=_curve(place, epoch),
            )
            model = recipe.fit(split.train, context)
            resolved = model.recipe
            found.append(
                evaluate(model, split.validation, split.train, ks=(cutoff,), name=recipe.name, seed=self.spec.seed)
            )
            value = pool(found).mean(self.spec.metric)
            window(place, value)
        return Score(value, resolved)


def _curve(window: int, epoch: Epoch) -> Callable[[int, Mapping[str, float]], None]:
    """Of what a recipe reports, the quality on the holdout: a loss is another scale for every setting."""

    def report(step: int, metrics: Mapping[str, float]) -> None:
        if CURVE in metrics:
            epoch(window, step, metrics[CURVE])

    return report
