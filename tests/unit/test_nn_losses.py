import math

import pytest
import torch

from recsys.nn.losses import full_softmax, in_batch_softmax, sampled_softmax
from recsys.nn.sampling import Sampler

NOTHING_OWN = torch.zeros((1, 2), dtype=torch.bool)


def test_the_full_softmax_is_the_negative_log_share_of_the_target():
    logits = torch.log(torch.tensor([[1.0, 3.0], [5.0, 5.0]]))
    losses = full_softmax(logits, row=torch.tensor([0, 1]), target=torch.tensor([1, 0]))
    assert losses.tolist() == pytest.approx([-math.log(3 / 4), -math.log(1 / 2)])


def test_a_draw_expected_twice_counts_half():
    # target e^s = 2; draws 4 (expected twice) and 3 (expected once): 2 / (2 + 4/2 + 3)
    losses = sampled_softmax(
        positive=torch.log(torch.tensor([2.0])),
        negative=torch.log(torch.tensor([[4.0, 3.0]])),
        row=torch.tensor([0]),
        log_expected=torch.log(torch.tensor([2.0, 1.0])),
        own=NOTHING_OWN,
    )
    assert losses.tolist() == pytest.approx([-math.log(2 / 7)])


def test_an_accidental_hit_is_left_out():
    losses = sampled_softmax(
        positive=torch.log(torch.tensor([2.0])),
        negative=torch.log(torch.tensor([[2.0, 3.0]])),
        row=torch.tensor([0]),
        log_expected=torch.zeros(2),
        own=torch.tensor([[True, False]]),
    )
    assert losses.tolist() == pytest.approx([-math.log(2 / 5)])


def test_a_row_whose_draws_are_all_its_own_has_no_loss_and_a_clean_gradient():
    positive, negative = torch.zeros(1, requires_grad=True), torch.zeros((1, 2), requires_grad=True)
    losses = sampled_softmax(positive, negative, torch.tensor([0]), torch.zeros(2), ~NOTHING_OWN)
    losses.sum().backward()
    assert losses.tolist() == [0.0]
    assert positive.grad.tolist() == [0.0]
    assert negative.grad.tolist() == [[0.0, 0.0]]


def test_the_sampled_partition_is_right_on_average():
    logits = torch.tensor([0.5, -1.0, 2.0, 0.0])
    sampler = Sampler(torch.tensor([8, 4, 2, 1]))
    generator = torch.Generator().manual_seed(0)
    draws = [sampler.draw(3, generator) for _ in range(4000)]
    estimates = [float(torch.exp(logits[d.items] - d.log_expected).sum()) for d in draws]
    assert sum(estimates) / len(estimates) == pytest.approx(float(torch.exp(logits).sum()), rel=0.05)


def test_an_item_that_never_occurs_is_never_drawn_and_draws_are_by_the_power_of_the_count():
    sampler = Sampler(torch.tensor([16, 0, 1]), power=0.75)
    assert sampler.q.tolist() == pytest.approx([8 / 9, 0.0, 1 / 9])
    drawn = sampler.draw(1000, torch.Generator().manual_seed(1)).items
    assert drawn.tolist() == [0, 2]


def test_in_the_batch_another_copy_of_the_target_is_no_negative_and_popular_items_are_corrected():
    # pair 0 against pair 1 only (pair 2 is the same item): (2 / .5) / (2 / .5 + 3 / .25)
    logits = torch.log(torch.tensor([[2.0, 3.0, 2.0], [1.0, 1.0, 1.0], [2.0, 3.0, 2.0]]))
    log_q = torch.log(torch.tensor([0.5, 0.25, 0.5]))
    losses = in_batch_softmax(logits, torch.tensor([7, 9, 7]), log_q)
    assert float(losses[0]) == pytest.approx(-math.log(4 / 16))
    assert float(losses[1]) == pytest.approx(-math.log(4 / 8))
