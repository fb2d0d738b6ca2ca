"""Fitting the filter, and choosing on a holdout what the recipe leaves open."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Dataset, Holdout
from recsys.models.graph_filter.graph import Links, degrees, edges, links, normalised
from recsys.models.graph_filter.model import GraphFilterModel, Shape, assemble
from recsys.models.graph_filter.spectrum import top_vectors_of
from recsys.models.holdout import holdout_ndcg
from recsys.models.recency import NEVER_DAYS, NEVER_EVENTS
from recsys.models.recipe import FitContext
from recsys.types import FloatArray

if TYPE_CHECKING:
    from recsys.models.graph_filter.recipe import GraphFilter

# the first of each is the default; each is chosen by itself, in this order, with the others as they then are
CHOICES: dict[str, tuple[float, ...]] = {
    "item_power": (0.35, 0.2, 0.5),
    "user_power": (0.4, 0.2, 0.6),
    "popularity": (0.2, 0.0, 0.1, 0.3),
    "sharpening": (0.6, 0.0, 0.3, 0.45, 0.75, 0.9),
    "ideal": (0.0, 0.05, 0.1, 0.2),
    "half_life_days": (NEVER_DAYS, 7.0, 30.0, 90.0, 365.0),
    "half_life_events": (NEVER_EVENTS, 3.0, 10.0, 30.0, 100.0),
}
_POWERS = ("item_power", "user_power")  # what the graph and its spectrum depend on
_SCOUTS = 128  # factors at most while these are chosen, because the spectrum is what takes long
_ASKED = 2_000  # queries of a holdout that are asked at most


def fitted(recipe: "GraphFilter", data: Dataset, ctx: FitContext) -> GraphFilterModel:
    """The model of ``recipe`` with what it leaves open chosen on the holdout, or by default."""
    open_fields = [name for name in CHOICES if getattr(recipe, name) is None]
    current = recipe.model_copy(update={name: CHOICES[name][0] for name in open_fields})
    fit = _Fit(edges(data, positives_only=recipe.positives_only), ctx)
    with threadpool_limits(ctx.threads or None, "blas"):
        if ctx.holdout is not None and len(ctx.holdout) > 0:
            asked = ctx.holdout.drawn(_ASKED, ctx.rng())
            for name in open_fields:
                if _tells(name, data) and not ctx.late:
                    current = _better(current, name, fit, asked)
        return fit.model(current)


@dataclass(frozen=True, eq=False)
class _Fit:
    """The parts of a fit by what they depend on, so that a search makes each once."""

    matrix: sp.csr_matrix  # (users, items)
    ctx: FitContext
    _kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # the last of each part and what it is of

    def model(self, recipe: "GraphFilter") -> GraphFilterModel:
        """The model of a ``recipe`` that leaves nothing open, from the parts that were made already."""
        degree = degrees(self.matrix, 0)
        known = np.asarray(self.matrix.sum(axis=0)).ravel() > 0
        found = self._links(recipe, degree)
        vectors, values = self._spectrum(recipe)
        scale = float(values.max(initial=0.0)) or 1.0
        gain = (recipe.ideal or 0.0) - (recipe.sharpening or 0.0) * (values / scale) ** 2
        shape = Shape(degree, known, recipe.popularity or 0.0, scale)
        return assemble(recipe, found, vectors, gain, shape)

    def _links(self, recipe: "GraphFilter", degree: NDArray[np.float64]) -> Links:
        key = (recipe.user_power, recipe.item_power, recipe.neighbours)
        if "links" not in self._kept or self._kept["links"][0] != key:
            self._kept["links"] = key, links(self._norm(recipe), degree, recipe.neighbours)
        found: Links = self._kept["links"][1]
        return found

    def _spectrum(self, recipe: "GraphFilter") -> tuple[FloatArray, NDArray[np.float64]]:
        key = (recipe.user_power, recipe.item_power, recipe.factors)
        if "spectrum" not in self._kept or self._kept["spectrum"][0] != key:
            self._kept["spectrum"] = key, top_vectors_of(self._norm(recipe), recipe.factors, self.ctx.rng())
        found: tuple[FloatArray, NDArray[np.float64]] = self._kept["spectrum"][1]
        return found

    def _norm(self, recipe: "GraphFilter") -> sp.csr_matrix:
        return normalised(self.matrix, recipe.user_power or 0.0, recipe.item_power or 0.0)


def _tells(name: str, data: Dataset) -> bool:
    """Whether the log has what a half-life is counted in."""
    if name == "half_life_days":
        return bool(np.isfinite(data.time).any())
    return name != "half_life_events" or data.ordered


def _better(current: "GraphFilter", name: str, fit: _Fit, asked: Holdout) -> "GraphFilter":
    """The recipe with the value of one field that has the best NDCG; the earlier one of equals."""
    everything = np.ones(fit.matrix.shape[1], np.bool_)
    choices = [current.model_copy(update={name: value}) for value in CHOICES[name]]
    scouts = {"factors": min(current.factors, _SCOUTS)} if name in _POWERS else {}
    models = (fit.model(choice.model_copy(update=scouts)) for choice in choices)
    quality = [holdout_ndcg(model, asked, everything) for model in models]
    return choices[int(np.argmax(quality))]
