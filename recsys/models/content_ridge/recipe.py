"""What the recipe is told, and how it is fitted: co-consumption in closed form, then content in closed form."""

from pathlib import Path

import numpy as np
from pydantic import Field, NonNegativeFloat
from threadpoolctl import threadpool_limits

from recsys.content import ContentSpace, ContentSpec
from recsys.content.spec import TextEncoder
from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.content_ridge.choice import chosen
from recsys.models.content_ridge.closed import Relations, taste
from recsys.models.content_ridge.likeness import described
from recsys.models.content_ridge.model import ContentRidgeModel
from recsys.models.ease import check_memory
from recsys.models.recipe import FitContext, Model, Recipe, register


@register("content_ridge")
class ContentRidge(Recipe):
    """EASE's item-item weights (Steck 2019) explained by ridge regression on the content of the items scored.

    First every item is regressed on all others by what users liked, with ``reg`` on the diagonal of the Gram matrix;
    then each row of those weights is regressed on the items' content, with ``content_reg``: what a work in a history
    says of a work with such content, whether or not anyone had that. How like two items are is the mean of the cosines
    of each face (field of tokens, text, years, each kind of vector) by its share in ``shares``, and the square of that
    by ``pairs``: what two have in common at once. ``own`` is how much a work speaks for its own content besides.
    ``everyone`` is how many mean histories are added to each query: what is liked by and large, and all there is for
    someone without a history; where it is 0 such a query is abstained from. Before the second regression, weights are
    divided by the scored item's number of events to the power ``popularity``. Of these, what is None is chosen by
    NDCG@20 on items that are set aside whole with their events, each once; ``reg`` None follows from the density of
    the data. ``text`` says how texts are encoded.

    The peak of memory is three float32 arrays of known x all items; FitError where one exceeds ``memory_gb``. An item
    without content is abstained from.
    """

    reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    content_reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    pairs: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    shares: tuple[tuple[str, NonNegativeFloat], ...] | None = None  # pairs of a face and its share
    own: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    everyone: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    popularity: float | None = Field(default=None, ge=0, le=1)
    text: TextEncoder = "grams"
    memory_gb: float = Field(default=4.0, gt=0)  # 1e9 bytes

    def fit(self, data: Dataset, ctx: FitContext) -> ContentRidgeModel:
        """Fit on positive events; FitError where no item with a positive event has content."""
        positive = data.subset(np.asarray(data.positive))
        known = np.bincount(positive.item, minlength=data.n_items) > 0
        space = ContentSpace.fit(data.catalogue, ContentSpec(text=self.text), seed=ctx.seed)
        faces = space.faces(data.catalogue) if space is not None else {}
        if not any(rows[np.flatnonzero(known)].nnz for rows in faces.values()):
            raise FitError("content_ridge has no liked item with content to learn from; give the items some fields.")
        check_memory(data.n_items, self.memory_gb)
        with threadpool_limits(ctx.threads or None, "blas"):
            relations = Relations.of(positive, known, self.reg, self.memory_gb)
            recipe = chosen(self.model_copy(update={"reg": relations.reg}), relations, faces, known, ctx)
            rows = described(faces, dict(recipe.shares or ()))
            fitted = taste(recipe, relations, rows, known)
        return ContentRidgeModel(recipe, fitted, known, np.diff(rows.indptr) > 0)

    @classmethod
    def load(cls, folder: Path) -> Model:
        return ContentRidgeModel.load(folder)
