"""What ials was not told, chosen on the holdout by fits with few factors; or the stated defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Dataset, Holdout
from recsys.models.holdout import holdout_ndcg
from recsys.models.ials.model import IALSModel
from recsys.models.ials.training import Training
from recsys.models.item_item import decays
from recsys.models.recency import Decay
from recsys.models.recipe import FitContext

if TYPE_CHECKING:
    from recsys.models.ials.recipe import IALS

PULLS = (8.0, 2.0, 32.0)  # weight of all cells together, in confidences of all observed ones; the first is the default
STRENGTHS = (0.1, 0.03, 0.3)  # regularisation of an average row, in its confidences
_FACTORS = 64
_EPOCHS = 4
_ASKED = 2_000  # queries of the holdout, at most

Name = TypeVar("Name")


def resolved(recipe: "IALS", data: Dataset, ctx: FitContext) -> "IALS":
    """The recipe with nothing open but perhaps its epochs: strength, then pull, then half-lives are chosen."""
    events = matrix(recipe, data, recipe.decay)
    default = filled(recipe, events, PULLS[0], STRENGTHS[0])
    if ctx.holdout is None or len(ctx.holdout) == 0 or events.nnz == 0:
        return default
    silent = replace(ctx, report=lambda step, metrics: None)
    scout = _Scout(data, silent, sample(ctx.holdout))
    strength = scout.best({share: filled(recipe, events, PULLS[0], share) for share in STRENGTHS})
    pull = scout.best({pull: filled(recipe, events, pull, strength) for pull in PULLS})
    best = filled(recipe, events, pull, strength)
    later = {}
    for decay in decays(data, recipe.half_life_days, recipe.half_life_events):
        share = matrix(recipe, data, decay).sum() / events.sum()
        # all cells keep their weight relative to what is left of the observed ones
        unobserved = recipe.unobserved or (best.unobserved or 0.0) * float(share)
        later[decay] = best.model_copy(update={"unobserved": unobserved, **_half_lives(decay)})
    return later[scout.best(later)]


def climb(training: Training, holdout: Holdout, most: int, patience: int) -> tuple[float, IALSModel]:
    """The best NDCG and its model; training ends after ``most`` epochs or ``patience`` of them without a better one."""
    everything = np.ones(len(holdout.seen_items), np.bool_)
    best: tuple[float, IALSModel] | None = None
    since = 0
    while best is None or (since < patience and training.done < most and not training.late):
        training.epoch()
        model = training.model()
        with threadpool_limits(1, "blas"):  # for systems this small more threads cost more than they bring
            quality = holdout_ndcg(model, holdout, everything)
        since = since + 1 if best is not None and quality <= best[0] else 0
        if since == 0:
            best = quality, model
    return best


def matrix(recipe: "IALS", data: Dataset, decay: Decay) -> sp.csr_matrix:
    """(users, items) decayed sums of weights that the recipe learns from."""
    weight = decay.of_data(data)
    return data.matrix(positives_only=recipe.positives_only is not False, weight=weight)


def filled(recipe: "IALS", events: sp.csr_matrix, pull: float, strength: float) -> "IALS":
    """The recipe with open weights by a pull and a strength, which mean the same for sparse and dense logs."""
    users, items = (max(1, len(np.unique(places))) for places in events.nonzero())
    total = max(recipe.alpha * float(events.sum(dtype=np.float64)), 1e-12)
    mean = total * (1 / users + 1 / items) / 2  # confidences of a row
    unobserved = recipe.unobserved or pull * total / (users * items)
    reg = recipe.reg or strength * mean / (mean + unobserved * (users + items) / 2) ** recipe.nu
    liked = recipe.positives_only is not False
    fields = {"unobserved": unobserved, "reg": reg, "positives_only": liked, **_half_lives(recipe.decay)}
    return recipe.model_copy(update=fields)


def _half_lives(decay: Decay) -> dict[str, float]:
    return {"half_life_days": decay.days, "half_life_events": decay.events}


@dataclass(frozen=True, eq=False)
class _Scout:
    """Fits with few factors and few epochs; what has been tried is not tried again."""

    data: Dataset
    ctx: FitContext
    holdout: Holdout
    tried: dict["IALS", float] = field(default_factory=dict)

    def best(self, choices: Mapping[Name, "IALS"]) -> Name:
        """The name of the choice with the best NDCG, the earlier one of equals."""
        if len(set(choices.values())) > 1:
            return max(choices, key=lambda name: self._quality(choices[name]))
        return next(iter(choices))

    def _quality(self, choice: "IALS") -> float:
        if choice not in self.tried and self.tried and self.ctx.late:
            return -np.inf
        if choice not in self.tried:
            small = choice.model_copy(update={"factors": min(choice.factors, _FACTORS)})
            training = Training(small, matrix(small, self.data, small.decay), self.ctx)
            self.tried[choice] = climb(training, self.holdout, min(choice.epochs or _EPOCHS, _EPOCHS), 1)[0]
        return self.tried[choice]


def sample(holdout: Holdout) -> Holdout:
    """An even sample of the queries."""
    return holdout.spread(_ASKED)
