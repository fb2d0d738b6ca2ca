"""Gowalla on the split published with LightGCN: the best of our single models against the published lines."""

import time
from typing import Any

from benchmarks.contest import QUICK, Candidate, chosen, context
from benchmarks.contest import tune as search
from benchmarks.form import Options, published_row, result
from benchmarks.logs import folder, held_slice, published, quick_users
from recsys.evaluate import evaluate

BARS = "best single model: recall@20 ≥ .187, ndcg@20 ≥ .156 on the published split"
CASE = "gowalla"
LOG = "gowalla-lightgcn"
BAR = {"recall@20": 0.187, "ndcg@20": 0.156}
PUBLISHED = {  # recall@20, ndcg@20
    "LightGCN": (0.1824, 0.1547),
    "EASE": (0.1765, 0.1467),
    "SimpleX": (0.1872, 0.1557),
    "BSPM": (0.1920, 0.1597),
}
CANDIDATES = (
    Candidate("graph_filter"),
    Candidate("ials"),
    Candidate("item_knn"),
    Candidate("bpr"),
)  # ease would hold 40,981 x 40,981 weights; its published line is below the bar


def tune(options: Options) -> None:
    """Choose on a tenth of each user's training items."""
    train, _ = published(folder(options, LOG), users=quick_users(options))
    search(("gowalla", CASE), QUICK if options.quick else CANDIDATES, [held_slice(train)], 20, options)


def run(options: Options) -> dict[str, Any]:
    """Refit the chosen recipe on all of train and rank every item."""
    begin = time.perf_counter()
    recipe, told = chosen("gowalla", CASE, options)
    data, test = published(folder(options, LOG), users=quick_users(options))
    model = recipe.fit(data, context())
    told["seconds of the fit"] = round(time.perf_counter() - begin, 1)
    found = evaluate(model, test, data, ks=(20,))
    rows = [published_row(CASE, found, metric, bar, peer="bar (SimpleX .1872/.1557)") for metric, bar in BAR.items()]
    details = {"ours": told, "published recall@20, ndcg@20": PUBLISHED, "queries": len(test)}
    settings = {"data": LOG, "fitted on": "train", "quick": options.quick}
    return result("gowalla", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)
