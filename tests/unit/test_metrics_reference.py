"""Every accuracy metric against trec_eval, on random lists: short ones, empty truths at the end, hits everywhere."""

import numpy as np
import pytest
import pytrec_eval

from recsys.metrics import accuracy_metrics, hits
from recsys.metrics.accuracy import flat

QUERIES, ITEMS, PLACES = 300, 80, 40
THEIRS = {"recall": "recall", "precision": "P", "ndcg": "ndcg_cut", "map": "map_cut", "hit": "success"}


def lists_and_truths():
    """Lists of 0 to PLACES distinct items, padded with -1, and 1 to 30 wanted items a query."""
    rng = np.random.default_rng(7)
    top = np.stack([rng.permutation(ITEMS)[:PLACES] for _ in range(QUERIES)]).astype(np.int32)
    top[np.arange(PLACES) >= rng.integers(0, PLACES + 1, QUERIES)[:, None]] = -1
    truth = [np.sort(rng.permutation(ITEMS)[: rng.integers(1, 31)]).astype(np.int32) for _ in range(QUERIES)]
    return top, truth


def by_reference(top, truth, measure):
    """(queries,) what trec_eval says. Falling scores say which place is first, so its own rule for ties never acts."""
    wanted = {str(q): {str(item): 1 for item in items.tolist()} for q, items in enumerate(truth)}
    shown = {
        str(q): {str(item): float(-place) for place, item in enumerate(row.tolist()) if item >= 0}
        for q, row in enumerate(top)
    }
    found = pytrec_eval.RelevanceEvaluator(wanted, {measure}).evaluate(shown)
    name = measure.replace(".", "_")
    return np.array([found.get(str(q), {name: 0.0})[name] for q in range(len(top))])  # no list: nothing is found


@pytest.mark.parametrize("k", [1, 5, 10, 30])
@pytest.mark.parametrize("metric", sorted(THEIRS))
def test_a_metric_is_that_of_trec_eval(metric, k):
    top, truth = lists_and_truths()
    ours = accuracy_metrics()[metric](hits(top, truth), flat(truth)[1], k)
    assert ours == pytest.approx(by_reference(top, truth, f"{THEIRS[metric]}.{k}"), abs=1e-9)


def test_mrr_over_the_whole_list_is_the_reciprocal_rank_of_trec_eval():
    top, truth = lists_and_truths()
    ours = accuracy_metrics()["mrr"](hits(top, truth), flat(truth)[1], PLACES)
    assert ours == pytest.approx(by_reference(top, truth, "recip_rank"), abs=1e-9)


def test_every_metric_has_a_reference():
    assert {*THEIRS, "mrr"} == set(accuracy_metrics())
