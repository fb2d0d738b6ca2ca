"""What the towers are told, and how they are fitted and loaded."""

from pathlib import Path

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.recipe import FitContext, Model, Recipe, register
from recsys.models.two_tower.model import TwoTowerModel

DEFAULT_EPOCHS = 40
MAX_EPOCHS = 300
DEFAULT_IN_ORDER = 0.5
IN_ORDER = (1.0, 0.0)  # what is tried on a holdout


@register("two_tower")
class TwoTower(Recipe):
    """History and profile against id and content, by softmax over the catalogue (Yi et al. 2019).

    ``epochs`` None stops after ``patience`` epochs without a better NDCG@10 on the holdout and keeps the best; without
    a holdout, 40. ``in_order`` is the share of examples that predict what came later from what came before; the others
    predict some of a history from the rest, which is all that a log without times can teach. None tries both on the
    holdout for 10 epochs and goes on with the better; without one, half and half. Where the items are more than 8 times
    the ``negatives``, targets compete with so many draws a batch, logQ-corrected, else with every item. ``id_dropout``
    is how often an item must do with its content; an item with neither event nor content is abstained from.
    """

    factors: PositiveInt = 64
    epochs: PositiveInt | None = None
    patience: PositiveInt = 10
    learning_rate: PositiveFloat = Field(default=3e-3, allow_inf_nan=False)
    reg: NonNegativeFloat = Field(default=0.1, allow_inf_nan=False)
    batch_size: PositiveInt = 128
    negatives: PositiveInt = 1024
    dropout: float = Field(default=0.4, ge=0, lt=1)
    id_dropout: float = Field(default=0.1, ge=0, lt=1)
    in_order: float | None = Field(default=None, ge=0, le=1)
    max_history: PositiveInt = 200
    temperature: PositiveFloat = Field(default=1.0, allow_inf_nan=False)

    def fit(self, data: Dataset, ctx: FitContext) -> TwoTowerModel:
        """Learn both towers; FitError where no event is positive."""
        # torch is for fitting only: a server that loads this model never imports it
        from recsys.models.two_tower.training import train
        from recsys.nn.threads import threads

        if not np.asarray(data.positive).any():
            raise FitError("two_tower has no positive event to learn from; let the spec count some events as positive.")
        with threads(ctx.threads):
            return train(self, data, ctx)

    @classmethod
    def load(cls, folder: Path) -> Model:
        return TwoTowerModel.load(folder)
