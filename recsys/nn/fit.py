"""The loop that every neural model is fitted by."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from torch import Tensor

from recsys.errors import FitError

Batch = TypeVar("Batch")
WORTH_WAITING = 0.005  # relative gain; less than this is noise, and would keep a fit going for ever
Report = Callable[[int, Mapping[str, float]], None]


class Trainee(Protocol, Generic[Batch]):
    """What the loop fits: it draws its own batches and owns its weights and its optimiser."""

    def batches(self) -> Iterator[Batch]:
        """The batches of one epoch, in a new order each time."""
        ...

    def update(self, batch: Batch) -> float:
        """Take one step on ``batch`` and give its mean loss."""
        ...

    def validate(self) -> float | None:
        """NDCG@10 on the holdout, None where there is none."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """The weights that ``validate`` judges and the loop keeps; the same tensors throughout the fit."""
        ...


@dataclass
class State:
    """Where a fit stands between two epochs. ``kept`` are the weights of ``best_epoch``, copied.

    ``marked`` is the score from which a gain counts as worth waiting for, and ``marked_epoch`` when it was reached.
    """

    epoch: int = 0
    best_epoch: int = 0
    best: float = -math.inf  # NDCG@10 of the weights that are kept, -inf without a holdout
    kept: dict[str, Tensor] = field(default_factory=dict)
    marked: float = 0.0
    marked_epoch: int = 0


def nothing(state: State) -> None:
    """What is done after an epoch where nothing is to be done."""


def fit(
    trainee: Trainee[Batch],
    epochs: int,
    patience: int | None,
    report: Report,
    state: State | None = None,
    *,
    after_epoch: Callable[[State], None] = nothing,
    late: Callable[[], bool] = lambda: False,
) -> State:
    """Fit for at most ``epochs`` epochs and end with the best weights in place.

    With a ``patience``, stop when so many epochs in a row did not better the holdout's NDCG@10 by half a percent, and
    go back to the best; with None, or without a holdout, run every epoch and keep the last. Raises FitError where the
    loss is lost. ``state`` of an earlier call with the same trainee goes on where that one stopped. ``after_epoch`` may
    save it. A fit with a patience ends where it is ``late``.
    """
    state = state or State()
    while state.epoch < epochs and not _stale(state, patience):
        if patience is not None and state.epoch > 0 and late():
            break
        losses = [trainee.update(batch) for batch in trainee.batches()]
        state.epoch += 1
        metrics = {"loss": _mean(losses, state.epoch)}
        score = trainee.validate()
        if score is not None:
            metrics["ndcg@10"] = score
        if score is None or patience is None:
            state.best_epoch = state.marked_epoch = state.epoch
            state.best = -math.inf if score is None else score
        elif score > state.best:
            state.best_epoch, state.best = state.epoch, score
            state.kept = {name: weight.clone() for name, weight in trainee.weights().items()}
            if score > state.marked * (1 + WORTH_WAITING):
                state.marked, state.marked_epoch = score, state.epoch
        report(state.epoch, metrics)
        after_epoch(state)
    for name, weight in state.kept.items():
        trainee.weights()[name].copy_(weight)
    return state


def _stale(state: State, patience: int | None) -> bool:
    return patience is not None and state.epoch - state.marked_epoch >= patience


def _mean(losses: list[float], epoch: int) -> float:
    mean = sum(losses) / max(len(losses), 1)
    if not math.isfinite(mean):
        raise FitError(f"The loss of epoch {epoch} is {mean}; lower learning_rate or look for extreme event weights.")
    return mean
