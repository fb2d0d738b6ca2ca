"""The recipe ``session``."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from recsys.dataset.data import Dataset
from recsys.errors import BundleError
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register
from recsys.models.session.counts import N_WEIGHTS
from recsys.models.session.model import SessionModel, load_counts

# Without lessons: what the ones of a news log come to.
DEFAULT = (0.2, 0.3, 0.25, 0.2, 0.2, 0.1, 0.05, 0.02, 0.3, 0.6, 0.1, 0.2, 0.05, 0.1)

Weight = Annotated[float, Field(allow_inf_nan=False)]


@register("session")
class Session(Recipe):
    """A conditional logit of the next click: clicks of the last minutes to a day, and what follows the newest items.

    Score of item b after items a1, a2, a3 (newest first) = sum over half-lives from 2 minutes to a day of w log (clicks
    of b + 0.3) + sum over a of v log (1 + follows(a, b) / (20 share of b)). Clicks and follows are decayed counts;
    what follows counts within ``gap_minutes`` of one user. The newest ``lessons`` clicks of the log that were new to
    their users teach the weights, each asked as it came, knowing only what was before it; where there are fewer than
    100, stated defaults do. It goes on counting between retrainings (``SessionCounter``).

    Memory is bounded: ``most_items`` items, ``most_nexts`` that follow each. Only the newest ``newest`` events of the
    log are counted.
    """

    weights: tuple[Weight, ...] | None = None
    lessons: NonNegativeInt = 3_000
    gap_minutes: PositiveFloat = 30.0
    most_items: PositiveInt = 20_000
    most_nexts: PositiveInt = 100
    newest: PositiveInt = 300_000

    @field_validator("weights")
    @classmethod
    def _all(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and len(value) != N_WEIGHTS:
            raise ValueError(f"give {N_WEIGHTS} weights, or none")
        return value

    def fit(self, data: Dataset, ctx: FitContext) -> SessionModel:
        from recsys.models.session.learning import walked  # a worker that only maps a model has no use for it

        counts, weights = walked(self, data)
        return SessionModel(self.model_copy(update={"weights": self.weights or weights or DEFAULT}), counts)

    @classmethod
    def load(cls, folder: Path) -> Model:
        recipe = load_recipe(folder)
        if not isinstance(recipe, Session) or recipe.weights is None:
            raise BundleError(f"{folder} holds a {recipe.name}, not a session model; publish the bundle again.")
        return SessionModel(recipe, load_counts(folder))
