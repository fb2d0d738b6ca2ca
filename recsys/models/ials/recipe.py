"""What ials is told, and how it is fitted and loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.dataset.data import Dataset
from recsys.models.files import load_arrays
from recsys.models.holdout import by_which_events
from recsys.models.ials.model import IALSModel
from recsys.models.ials.objective import Objective
from recsys.models.recency import NEVER_DAYS, NEVER_EVENTS, Decay
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register

if TYPE_CHECKING:
    from recsys.models.ials.training import Training

DEFAULT_EPOCHS = 5
MAX_EPOCHS = 16
PATIENCE = 2  # epochs without a better NDCG that end a fit whose epochs are open
EXACT = 32  # up to so many factors the exact solver is as quick as the other


@register("ials")
class IALS(Recipe):
    """Alternating least squares with a weight on all cells and regularisation by frequency (Rendle et al. 2022).

    The loss sums over observed cells alpha * weight * (x·y - 1)^2, over all cells ``unobserved`` * (x·y)^2, and over
    rows reg * (n + unobserved * others)^nu * |x|^2, where n is the sum of the row's confidences and ``others`` how many
    rows the other side has. So for nu = 1 only the ratio of ``alpha`` and ``unobserved`` matters.

    ``solver`` "exact" solves each row; "block" passes once over its blocks of coordinates (Rendle et al. 2021);
    "conjugate" takes ``steps`` of preconditioned conjugate gradients (Takács, Pilászy and Tikk 2011). The latter two
    need hardly more epochs. None is "exact" up to 32 factors, else "conjugate", by far the quickest there.
    ``unobserved``, ``reg``, the half-lives and ``positives_only`` None are chosen on the holdout; without one positive
    events count alone, nothing decays, all cells together weigh 8 times what was observed, and reg is .1 of an average
    row's confidences. ``epochs`` None ends
    where the NDCG on the holdout is best; without one after 5.
    """

    factors: PositiveInt = 128
    epochs: PositiveInt | None = None
    alpha: PositiveFloat = Field(default=1.0, allow_inf_nan=False)
    unobserved: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    nu: NonNegativeFloat = Field(default=1.0, allow_inf_nan=False)
    solver: Literal["exact", "block", "conjugate"] | None = None
    block: PositiveInt = 16
    steps: PositiveInt = 2
    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    half_life_events: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    positives_only: bool | None = None

    @property
    def objective(self) -> Objective:
        """What a recipe with nothing open minimises."""
        if self.unobserved is None or self.reg is None:
            raise TypeError("A fitted ials needs a recipe with unobserved and reg.")
        return Objective(self.unobserved, self.reg, self.nu)

    @property
    def decay(self) -> Decay:
        """How events weaken; not at all where the half-lives are open."""
        return Decay(self.half_life_days or NEVER_DAYS, self.half_life_events or NEVER_EVENTS)

    @property
    def method(self) -> Literal["exact", "block", "conjugate"]:
        """How rows are solved, or only improved."""
        return self.solver or ("exact" if self.factors <= EXACT else "conjugate")

    def fit(self, data: Dataset, ctx: FitContext) -> Model:
        """Choose what is open, then train; FitError where a system has no solution."""
        if self.positives_only is None:
            open_again = {name: getattr(self, name) for name in ("epochs", "unobserved", "reg")}
            return by_which_events(self, data, ctx, open_again)
        if self.epochs is None and ctx.holdout is not None and len(ctx.holdout) > 0:
            # torch is for fitting only: a server that loads this model never imports it
            from recsys.models.ials.choice import climb, sample

            training = self._training(data, ctx)
            return climb(training, sample(ctx.holdout), MAX_EPOCHS, PATIENCE)[1]
        *_, training = self.sweeps(data, ctx)
        return training.model()

    def sweeps(self, data: Dataset, ctx: FitContext) -> "Iterator[Training]":
        """The training after each epoch, always the same object; its ``model()`` is what has been learned by then."""
        training = self._training(data, ctx)
        for _ in range(self.epochs or DEFAULT_EPOCHS):
            training.epoch()
            yield training

    def _training(self, data: Dataset, ctx: FitContext) -> "Training":
        from recsys.models.ials.choice import matrix, resolved
        from recsys.models.ials.training import Training

        recipe = resolved(self, data, ctx)
        return Training(recipe, matrix(recipe, data, recipe.decay), ctx)

    @classmethod
    def load(cls, folder: Path) -> Model:
        recipe = load_recipe(folder)
        if not isinstance(recipe, IALS):
            raise TypeError("A fitted ials needs a recipe of ials.")
        return IALSModel(recipe, *load_arrays(folder, "factors", "audience", "known", "counts")).mapped(folder)
