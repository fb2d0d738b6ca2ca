"""What the recipe is told, and how it is fitted: co-consumption in closed form, then content in closed form."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from pydantic import Field, PositiveInt
from threadpoolctl import threadpool_limits

from recsys.content import ContentSpace, ContentSpec
from recsys.content.spec import TextEncoder
from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.content_ridge.choice import chosen
from recsys.models.content_ridge.closed import Relations, taste
from recsys.models.content_ridge.model import ContentRidgeModel
from recsys.models.recipe import FitContext, Model, Recipe, register

# (content_reg, own, everyone) that are tried on items set aside; the first is taken where nothing can be tried
CHOICES = ((1.0, 0.0, 0.0), (1.0, 0.0, 1.0), (10.0, 0.1, 0.0), (10.0, 0.1, 3.0), (100.0, 0.1, 0.0), (100.0, 0.1, 10.0))


@register("content_ridge")
class ContentRidge(Recipe):
    """EASE's item-item weights (Steck 2019) explained by ridge regression on the content of the items scored.

    First every item is regressed on all others by what users liked, with ``reg`` on the diagonal of the Gram matrix;
    then each row of those weights is regressed on the items' features, with ``content_reg``: what a work in a history
    says of a work with such features, whether or not anyone had that. ``own`` is how much a work speaks for its own
    features besides. ``everyone`` is how many mean histories are added to each query: what is liked by and large, and
    all there is for someone without a history; where it is 0 such a query is abstained from. Before the second
    regression, weights are divided by the scored item's number of events to the power ``popularity``. What is None of
    ``content_reg``, ``own`` and ``everyone`` is chosen by NDCG@20 on a fifth of the items, set aside whole with their
    events; ``reg`` None follows from the density of the data. ``text`` and ``dims`` say how content is encoded.

    The peak of memory is two float32 arrays of known x known items; FitError where one exceeds ``memory_gb``. An item
    without content is abstained from.
    """

    reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    content_reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    own: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    everyone: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    popularity: float = Field(default=0.25, ge=0, le=1)
    text: TextEncoder = "grams"
    dims: PositiveInt = 64
    memory_gb: float = Field(default=4.0, gt=0)  # 1e9 bytes

    def fit(self, data: Dataset, ctx: FitContext) -> ContentRidgeModel:
        """Fit on positive events; FitError where no item with a positive event has content."""
        positive = data.subset(np.asarray(data.positive))
        known = np.bincount(positive.item, minlength=data.n_items) > 0
        space = ContentSpace.fit(data.catalogue, ContentSpec(text=self.text, dims=self.dims), seed=ctx.seed)
        features = space.features(data.catalogue) if space is not None else sp.csr_matrix((data.n_items, 0))
        if features[np.flatnonzero(known)].nnz == 0:
            raise FitError("content_ridge has no liked item with content to learn from; give the items some fields.")
        with threadpool_limits(ctx.threads or None, "blas"):
            relations = Relations.of(positive, known, self.reg, self.memory_gb)
            recipe = self.model_copy(update={"reg": relations.reg})
            if None in (self.content_reg, self.own, self.everyone):
                options = [recipe._with(*one) for one in CHOICES]
                recipe = chosen(list(dict.fromkeys(options)), relations, features, known, ctx.rng())
            fitted = taste(recipe, relations, features[np.flatnonzero(known)])
        return ContentRidgeModel(recipe, fitted, features, known)

    @classmethod
    def load(cls, folder: Path) -> Model:
        return ContentRidgeModel.load(folder)

    def _with(self, content_reg: float, own: float, everyone: float) -> "ContentRidge":
        """This recipe with what it leaves open filled in."""
        fields = {"content_reg": content_reg, "own": own, "everyone": everyone}
        return self.model_copy(update={name: value for name, value in fields.items() if getattr(self, name) is None})
