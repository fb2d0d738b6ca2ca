import pytest
import torch

from recsys.nn.dropout import Dropout


def dropout(rate, seed=0):
    return Dropout(rate, torch.Generator().manual_seed(seed))


def test_a_share_is_dropped_and_the_rest_makes_up_for_it():
    dropped = dropout(0.25)(torch.ones(400, 101))
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    for at in range(8):  # eight coins come out of one number: each has to be fair
        assert (dropped.view(-1)[at::8] == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_the_same_generator_gives_the_same_coins_and_a_later_call_others():
    first, again = dropout(0.5), dropout(0.5)
    x = torch.ones(10, 10)
    once = first(x)
    assert torch.equal(once, again(x))
    assert not torch.equal(once, first(x))


def test_the_gradient_is_dropped_where_the_value_is():
    x = torch.ones(50, requires_grad=True)
    dropped = dropout(0.5)(x)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


def test_a_rate_of_nothing_changes_nothing():
    x = torch.ones(5)
    assert dropout(0.0)(x) is x
