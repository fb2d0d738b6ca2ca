import pytest
import torch

from recsys.nn import chunked
from recsys.nn.chunked import Draws, chunked_full, chunked_sampled
from recsys.nn.losses import full_softmax, sampled_softmax


@pytest.fixture(autouse=True, params=[1, 10, 1000])
def small_chunks(request, monkeypatch):
    """Chunks of one row, of some, of all."""
    monkeypatch.setattr(chunked, "CELLS", request.param)


def drawn(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]


def assert_alike(loss, expected, leaves):
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    found = torch.autograd.grad(2 * loss, leaves)
    for gradient, wanted in zip(found, torch.autograd.grad(2 * expected, leaves), strict=True):
        assert gradient.numpy() == pytest.approx(wanted.numpy(), abs=1e-5)


def test_the_full_softmax_and_its_gradient_are_those_of_the_whole_matrix():
    asked, items = drawn((7, 3), (5, 3))
    target, weight = torch.tensor([0, 1, 2, 3, 4, 0, 0]), torch.arange(7.0)
    plain = (full_softmax(asked @ items.T, torch.arange(7), target) * weight).sum()
    assert_alike(chunked_full(asked, items, target, weight), plain, [asked, items])


def test_the_sampled_softmax_and_its_gradient_are_those_of_the_whole_matrix():
    asked, liked, draws = drawn((4, 3), (4, 3), (5, 3))
    log_expected, weight = torch.linspace(-1, 1, 5), torch.tensor([1.0, 2.0, 0.0, 0.5])
    own = torch.zeros((4, 5), dtype=torch.bool)
    own[1, 3] = True  # the second row's target was drawn
    plain = sampled_softmax((asked * liked).sum(1), asked @ draws.T, torch.arange(4), log_expected, own)
    given = Draws(log_expected, torch.tensor([-1, 3, -1, -1]))
    assert_alike(chunked_sampled(asked, liked, draws, given, weight), (plain * weight).sum(), [asked, liked, draws])


def test_a_row_whose_only_draw_is_its_own_target_has_no_loss():
    asked, liked, draws = drawn((1, 3), (1, 3), (1, 3))
    loss = chunked_sampled(asked, liked, draws, Draws(torch.zeros(1), torch.tensor([0])), torch.ones(1))
    assert_alike(loss, 0 * (asked.sum() + liked.sum() + draws.sum()), [asked, liked, draws])


def test_huge_logits_leave_the_loss_finite_and_the_gradient_right():
    asked, items = torch.tensor([[1e4]], requires_grad=True), torch.tensor([[1.0], [-1.0]])
    loss = chunked_full(asked, items, torch.tensor([1]), torch.ones(1))
    assert 80 < loss.item() < 90
    assert torch.autograd.grad(loss, asked)[0].item() == 2.0


def test_half_precision_is_within_a_percent():
    asked, items = drawn((50, 8), (30, 8))
    target, weight = torch.arange(50) % 30, torch.full((50,), 0.02)
    whole, half = (chunked_full(asked, items, target, weight, half=half) for half in (False, True))
    assert half.item() == pytest.approx(whole.item(), rel=0.01)
    for one, other in zip(*(torch.autograd.grad(loss, [asked, items]) for loss in (whole, half)), strict=True):
        assert (one - other).norm() < 0.01 * one.norm()
