"""What the filter is told, and how it is fitted and loaded."""

from pathlib import Path

from pydantic import Field, PositiveInt

from recsys.dataset.data import Dataset
from recsys.models.graph_filter.choice import fitted
from recsys.models.graph_filter.model import GraphFilterModel
from recsys.models.recipe import FitContext, Model, Recipe, register


@register("graph_filter")
class GraphFilter(Recipe):
    """A linear filter on the graph of items that share users, in closed form, for large catalogues.

    S is the co-occurrence of items, each user counting over ``user_power`` of the degree (twice) and each item over
    ``item_power`` of its own, over the largest eigenvalue. A history r scores
    ``r D^-p (S + V (ideal - sharpening L^2) V') D^p`` (D degrees, p ``popularity``, V and L the ``factors`` largest
    eigenvectors and eigenvalues of S): a linear and an ideal low pass (Shen et al. 2021), less a step of the inverse
    diffusion, which sharpens (Choi et al. 2023), under other exponents than one half (Peng et al. 2024). Rows of S
    keep their ``neighbours`` largest entries.

    None is chosen on the holdout; without one the powers are .4, .35 and .2, sharpening .6, ideal 0, and nothing
    decays. Equal events count once. What has no training event is abstained from: such an item, and a query of such
    items only.
    """

    factors: PositiveInt = 448
    neighbours: PositiveInt = 500
    user_power: float | None = Field(default=None, ge=0, le=2)
    item_power: float | None = Field(default=None, ge=0, le=2)
    popularity: float | None = Field(default=None, ge=-1, le=1)
    ideal: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    sharpening: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    half_life_events: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    positives_only: bool = True

    def fit(self, data: Dataset, ctx: FitContext) -> GraphFilterModel:
        """Build the graph and its spectrum; what is open is chosen field by field."""
        return fitted(self, data, ctx)

    @classmethod
    def load(cls, folder: Path) -> Model:
        return GraphFilterModel.load(folder)
