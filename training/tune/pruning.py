"""When a trial is given up: the median rule (Golovin et al. 2017), epoch by epoch and window by window."""

from statistics import median
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from optuna import Study

LANE = 10_000  # steps of a window: its epochs, and at the end its result
WARM_UP = 5  # epochs before which nothing is told of a curve
PEERS = 4  # complete trials that there must be to compare with


def epoch_step(window: int, epoch: int) -> int:
    """The step of an epoch in a window."""
    return window * LANE + min(epoch, LANE - 2)


def window_step(window: int) -> int:
    """The step of a window's result, which comes after its epochs."""
    return window * LANE + LANE - 1


class MedianRule(BasePruner):
    """Give a trial up whose best so far is below what the median of complete trials had at the same step.

    Only trials with as many factors are compared, epochs only with epochs of the same window, and results only with
    results. A curve that ended early stands for its later epochs too.
    """

    def prune(self, study: "Study", trial: FrozenTrial) -> bool:
        """Whether ``trial`` falls behind."""
        step = trial.last_step
        if step is None or step % LANE < WARM_UP:
            return False
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        peers = [peer for peer in complete if peer.user_attrs.get("factors") == trial.user_attrs.get("factors")]
        reached = [value for peer in peers if (value := _best(peer, step)) is not None]
        own = _best(trial, step)
        return own is not None and len(reached) >= PEERS and own < median(reached)


def _best(trial: FrozenTrial, step: int) -> float | None:
    """The best value up to a step, of the same window and kind; None where there is none."""
    if step % LANE == LANE - 1:
        return trial.intermediate_values.get(step)
    first = step - step % LANE
    return max((value for at, value in trial.intermediate_values.items() if first <= at <= step), default=None)
