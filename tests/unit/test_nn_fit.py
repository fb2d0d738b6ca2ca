import math

import numpy as np
import pytest
import torch

from recsys.errors import FitError
from recsys.nn.adam import RowAdam
from recsys.nn.average import RunningMean
from recsys.nn.fit import fit
from recsys.nn.packing import bags, pack_queries, spans
from recsys.nn.threads import threads
from recsys.types import query


class Scripted:
    """Its weight is the number of the epoch; losses and scores are told."""

    def __init__(self, scores=(), loss=1.0):
        self.scores, self.loss = scores, loss
        self.weight = torch.zeros(1)

    def batches(self):
        return iter([self.loss, self.loss])

    def update(self, batch):
        self.weight += 0.5
        return batch

    def validate(self):
        return self.scores[int(self.weight) - 1] if self.scores else None

    def weights(self):
        return {"weight": self.weight}


def silent(step, metrics):
    pass


def test_fitting_stops_when_patience_is_over_and_goes_back_to_the_best_weights():
    trainee = Scripted(scores=[0.1, 0.3, 0.2, 0.25, 0.9])
    state = fit(trainee, 10, 2, silent)
    assert (state.epoch, state.best_epoch, state.best) == (4, 2, 0.3)
    assert trainee.weight.tolist() == [2.0]


def test_gains_of_less_than_half_a_percent_are_kept_but_not_waited_for():
    trainee = Scripted(scores=[0.3, 0.3005, 0.301, 0.9])
    state = fit(trainee, 10, 2, silent)
    assert (state.epoch, state.best_epoch, state.best) == (3, 3, 0.301)


def test_a_fit_goes_on_where_it_stopped():
    trainee = Scripted(scores=[0.1, 0.3, 0.2, 0.25, 0.9])
    state = fit(trainee, 2, 2, silent)
    state = fit(trainee, 10, 2, silent, state)
    assert (state.epoch, state.best_epoch, state.best) == (4, 2, 0.3)


def test_the_mean_of_weights_is_plain_at_first_and_then_older_ones_fade():
    mean = RunningMean({"weight": torch.tensor([100.0])}, horizon=2.0)
    for weight in (2.0, 6.0):  # the mean of the two is 4, and what it began with never weighs in
        mean.add({"weight": torch.tensor([weight])}, 1)
    assert mean.tables["weight"].item() == 4.0
    mean.add({"weight": torch.tensor([0.0])}, 4)  # exp(-4 / 2) of it is kept, where the plain mean keeps a third
    assert mean.tables["weight"].item() == pytest.approx(4.0 * math.exp(-2))


def test_the_mean_of_weights_is_of_a_share_of_the_steps_so_far():
    mean = RunningMean({"weight": torch.tensor([100.0])}, horizon=300.0, share=0.5)
    for weight, steps in ((2.0, 4), (0.0, 4)):  # 4 of the 8 steps: exp(-4 / 4) is kept, where the plain mean keeps 1/2
        mean.add({"weight": torch.tensor([weight])}, steps)
    assert mean.tables["weight"].item() == pytest.approx(2.0 * math.exp(-1))


def test_without_patience_every_epoch_runs_and_the_last_weights_stay():
    trainee = Scripted(scores=[0.9, 0.3, 0.2])
    assert fit(trainee, 3, None, silent).best_epoch == 3
    assert trainee.weight.tolist() == [3.0]


def test_without_a_holdout_every_epoch_runs():
    assert fit(Scripted(), 4, 1, silent).best_epoch == 4


def test_each_epoch_is_reported_with_its_loss_and_its_ndcg():
    seen = []
    fit(Scripted(scores=[0.1, 0.2], loss=3.0), 2, None, lambda step, metrics: seen.append((step, dict(metrics))))
    assert seen == [(1, {"loss": 3.0, "ndcg@10": 0.1}), (2, {"loss": 3.0, "ndcg@10": 0.2})]


def test_a_lost_loss_is_an_error_that_says_what_to_do():
    with pytest.raises(FitError, match="lower learning_rate"):
        fit(Scripted(loss=math.nan), 2, None, silent)


def test_the_number_of_threads_is_given_back_even_after_an_error():
    before = torch.get_num_threads()
    inside = []

    def fails():
        with threads(before + 1):
            inside.append(torch.get_num_threads())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert (inside, torch.get_num_threads()) == ([before + 1], before)


def test_the_first_step_of_adam_moves_a_touched_row_by_the_learning_rate_and_no_other_row():
    adam = RowAdam({"table": torch.zeros((3, 1))}, learning_rate=0.1)
    leaf = adam.leaf("table", torch.tensor([2, 0]))
    adam.step((leaf.values * torch.tensor([[5.0], [-0.01]])).sum(), [leaf])
    assert adam.tables["table"][:, 0].tolist() == pytest.approx([0.1, 0.0, -0.1], abs=1e-5)


def test_adam_agrees_with_torch_on_a_whole_table():
    table = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    adam = RowAdam({"table": table.clone()}, learning_rate=0.01, reg=0.1, clip=1e9)
    theirs = table.clone().requires_grad_()
    other = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.1)
    for _ in range(5):
        leaf = adam.leaf("table")
        adam.step((leaf.values**4).sum(), [leaf])
        other.zero_grad()
        (theirs**4).sum().backward()
        other.step()
    assert torch.allclose(adam.tables["table"], theirs.detach(), atol=1e-6)


def test_the_gradient_is_clipped_over_all_leaves_together():
    adam = RowAdam({"a": torch.zeros(1), "b": torch.zeros(1)}, learning_rate=1.0, clip=1.0)
    leaves = [adam.leaf("a"), adam.leaf("b")]
    adam.step(3 * leaves[0].values.sum() + 4 * leaves[1].values.sum(), leaves)
    assert float(adam.first["a"]) == pytest.approx(0.1 * 3 / 5)
    assert float(adam.first["b"]) == pytest.approx(0.1 * 4 / 5)


def test_a_table_that_the_loss_does_not_use_stays():
    adam = RowAdam({"used": torch.zeros(1), "idle": torch.ones(1)}, learning_rate=1.0, reg=0.5)
    leaves = [adam.leaf("used"), adam.leaf("idle")]
    adam.step(leaves[0].values.sum(), leaves)
    assert adam.tables["idle"].tolist() == [1.0]


def test_spans_lists_ranges_one_behind_the_other():
    events, row = spans(np.array([5, 2, 9]), np.array([7, 2, 10]))
    assert events.tolist() == [5, 6, 9]
    assert row.tolist() == [0, 0, 2]


def test_packed_histories_count_places_from_the_newest_and_know_empty_ones():
    bag = bags(np.array([4, 5, 6]), np.ones(3, np.float32), np.array([0, 0, 2]), rows=4)
    assert bag.place.tolist() == [1, 0, 0]
    assert bag.offsets.tolist() == [0, 2, 2, 3]


def test_packed_queries_keep_only_the_newest_events():
    bag = pack_queries([query(np.array([1, 2, 3])), query()], max_history=2)
    assert (bag.items.tolist(), bag.row.tolist(), bag.rows) == ([2, 3], [0, 0], 2)
