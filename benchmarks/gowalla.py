"""Gowalla on the split published with LightGCN: the best of our single models against the published lines."""

import time
from typing import Any

from benchmarks.contest import QUICK, Candidate, chosen, context
from benchmarks.contest import tune as search
from benchmarks.form import Options, published_row, result
from benchmarks.logs import folder, held_slice, published, quick_users, sample
from benchmarks.tuning import Log, Pick
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
QUERIES = 5_000  # of the slice, by which settings are compared
_UNDECAYED = {"half_life_days": 36_500.0, "half_life_events": 1e6}
_FILTER = {"user_power": 0.4, "item_power": 0.35, "popularity": 0.2, "sharpening": 0.6, "ideal": 0.0} | _UNDECAYED
_FACTORS = {"factors": 256, "epochs": 4, "unobserved": 0.005, "reg": 0.01} | _UNDECAYED
CANDIDATES = (  # each from the settings that a coarser search on slices of train led to
    Candidate(
        "graph_filter",
        _FILTER,
        {"item_power": Pick((0.3, 0.35, 0.4)), "popularity": Pick((0.15, 0.2, 0.25)), "sharpening": Pick((0.4, 0.6))},
        trials=4,
    ),
    Candidate("ials", _FACTORS, {"unobserved": Log(0.002, 0.05), "reg": Log(0.003, 0.03)}, trials=4),
    Candidate("item_knn"),
)  # ease would hold 40,981 x 40,981 weights; its published line is below the bar


def tune(options: Options) -> None:
    """Choose on a tenth of each user's training items."""
    train, _ = published(folder(options, LOG), users=quick_users(options))
    data, holdout = held_slice(train)
    search(("gowalla", CASE), QUICK if options.quick else CANDIDATES, [(data, sample(holdout, QUERIES))], 20, options)


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
