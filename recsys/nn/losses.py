"""Softmax losses over a catalogue as plain functions: exact, sampled, and within the batch.

A row may have several targets. All give one loss a (row, target) pair, so that the caller weights and averages.
"""

import torch
from torch import Tensor
from torch.nn import functional


def full_softmax(logits: Tensor, row: Tensor, target: Tensor) -> Tensor:
    """(pairs,) cross-entropy of ``target`` (pairs,) within ``row`` (pairs,) of ``logits`` (rows, items)."""
    return torch.logsumexp(logits, dim=1).index_select(0, row) - logits[row, target]


def sampled_softmax(positive: Tensor, negative: Tensor, row: Tensor, log_expected: Tensor, own: Tensor) -> Tensor:
    """(pairs,) cross-entropy against shared sampled negatives with the logQ correction.

    ``positive`` (pairs,) are the targets' logits, ``negative`` (rows, drawn) those of the draws, ``log_expected``
    (drawn,) how often each was expected to be drawn, ``own`` (rows, drawn) marks draws that are a target of the row:
    they are left out, as accidental hits. With every item drawn once and none its own, it is the full softmax over
    all other items and the target. Bengio and Senécal 2008; Yi et al. 2019.
    """
    corrected = (negative - log_expected).masked_fill(own, -torch.inf)
    rest = torch.logsumexp(corrected, dim=1).index_select(0, row)  # (pairs,) -inf where every draw was its own
    return functional.softplus(rest - positive)


def in_batch_softmax(logits: Tensor, item: Tensor, log_q: Tensor) -> Tensor:
    """(pairs,) cross-entropy where the targets of the batch are each other's negatives.

    ``logits`` (pairs, pairs) are of query by target, ``item`` (pairs,) the targets' ids, ``log_q`` (pairs,) the log
    of how often each occurs as a target. Another pair's copy of the same item is no negative. Yi et al. 2019.
    """
    corrected = logits - log_q
    copy = item[:, None] == item[None, :]
    copy.fill_diagonal_(fill_value=False)
    return -torch.log_softmax(corrected.masked_fill(copy, -torch.inf), dim=1).diagonal()
