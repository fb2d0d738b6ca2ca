"""What the transformer is told, and how it is fitted and loaded."""

from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.recipe import FitContext, Model, Recipe, register
from recsys.models.sasrec.model import SASRecModel

DEFAULT_EPOCHS = 40
MAX_EPOCHS = 300
BATCH_EVENTS = 2_000  # a step of so many learns fastest a second, be histories short (shops) or long (films)


@register("sasrec")
class SASRec(Recipe):
    """Self-attentive sequential recommendation (Kang and McAuley 2018), by softmax over the catalogue.

    Every event is input, every liked one that the user had not had is a target. ``epochs`` None stops after
    ``patience`` epochs without a better NDCG@10 on the holdout and keeps the best; without a holdout, 40. Where the
    items are more than 8 times the ``negatives``, targets compete with so many draws a batch, logQ-corrected, else
    with every item. ``batch_size`` counts histories, on average, over all processes; None takes as many as have about
    2,000 events. A longer history than ``max_history`` is learned from in pieces. ``inner`` is the width of a block's
    middle layer in ``factors``. ``content`` adds what the catalogue says of an item to its id, ``times`` how long it
    was to the next event. Abstains from an item with neither event nor content, and from a query with no item that
    had an event.
    """

    factors: PositiveInt = 64
    blocks: PositiveInt = 2
    heads: PositiveInt = 1
    inner: PositiveInt = 2
    epochs: PositiveInt | None = None
    patience: PositiveInt = 10
    learning_rate: PositiveFloat = Field(default=1e-3, allow_inf_nan=False)
    reg: NonNegativeFloat = Field(default=0.0, allow_inf_nan=False)
    batch_size: PositiveInt | None = None
    negatives: PositiveInt = 1024
    dropout: float = Field(default=0.2, ge=0, lt=1)
    max_history: PositiveInt = 200
    content: bool = False
    times: bool = True

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.factors % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide factors ({self.factors})")
        return self

    def fit(self, data: Dataset, ctx: FitContext) -> SASRecModel:
        """Learn the weights; FitError where events have no order, or no user liked anything new after a first event.

        With ``ctx.checkpoint`` a fit that was killed goes on where it stood after its last whole epoch. Under torchrun
        the processes share every batch, and all end with the same model.
        """
        # torch is for fitting only: a server that loads this model never imports it
        from recsys.models.sasrec.training import train

        if not np.asarray(data.positive).any():
            raise FitError("sasrec has no positive event to learn from; let the spec count some events as positive.")
        if not data.ordered:
            raise FitError("sasrec learns from the order of events and this log has none; leave it out of the spec.")
        return train(self, data, ctx)

    @classmethod
    def load(cls, folder: Path) -> Model:
        return SASRecModel.load(folder)
