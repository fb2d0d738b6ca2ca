"""Leave-one-out on Amazon Beauty and Toys (S3Rec) and MovieLens 1M: our best single model and the published lines."""

import time
from typing import Any

from benchmarks.contest import QUICK, Candidate, chosen, context
from benchmarks.contest import tune as search
from benchmarks.form import Options, published_row, result
from benchmarks.logs import folder, leave_one_out, quick_users, read
from recsys.evaluate import evaluate

BARS = "best single model: ndcg@10 ≥ .0531 on Beauty, ≥ .0580 on Toys, ≥ .1821 on ML-1M, leave-one-out"
BENCH = "sequential"
CASES = ("beauty", "toys", "ml-1m")
LOGS = dict(zip(CASES, ("amazon-beauty-s3rec", "amazon-toys-s3rec", "ml-1m"), strict=True))
BAR = dict(zip(CASES, (0.0531, 0.0580, 0.1821), strict=True))
PUBLISHED = {
    "beauty": {"SASRec+SS": 0.0531, "eSASRec": 0.0523, "HSTU": 0.0439, "TIGER": 0.0384},
    "toys": {"SASRec+SS": 0.0580},
    "ml-1m": {"SASRec, full cross-entropy": 0.1821, "HSTU-large": 0.1893, "RecTools": 0.1778, "gSASRec": 0.1726},
}
METRIC = "ndcg@10"
# what a coarser search on the validation event led to
_SHOP = {
    "factors": 128,
    "max_history": 50,
    "content": True,
    "dropout": 0.5,
    "learning_rate": 2e-3,
    "batch_size": 256,
    "negatives": 512,
}
_FILMS = {"factors": 64, "max_history": 200, "dropout": 0.2, "batch_size": 32}
# each reg of a catalogue of 12,000 items is an inversion, so the search is narrower than the recipe's own
_FORWARD = {"forward": True, "half_life_events": 1.0, "half_life_days": 36_500.0, "popularity": 0.0, "reg": 200.0}


def _candidates(case: str) -> tuple[Candidate, ...]:
    films = case == "ml-1m"
    ease, sasrec = ({}, _FILMS) if films else (_FORWARD, _SHOP)
    return (Candidate("item_knn"), Candidate("ease", ease), Candidate("sasrec", sasrec))


def tune(options: Options) -> None:
    """Choose on the event before the last one."""
    for case in _asked(options):
        split = leave_one_out(read(folder(options, LOGS[case]), users=quick_users(options)))
        candidates = QUICK if options.quick else _candidates(case)
        search((BENCH, case), candidates, [(split.train, split.validation)], 10, options)


def run(options: Options) -> dict[str, Any]:
    """Each case, or the one asked for; one that was interrupted goes on where its fit stood.

    As for the published figures nothing is fitted on the validation event, which is part of the history at the test.
    """
    begin = time.perf_counter()
    rows, details = [], {}
    for case in _asked(options):
        line, details[case] = _case(case, options)
        rows.append(line)
    settings = {"split": "leave one out", "fitted on": "train", "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _asked(options: Options) -> tuple[str, ...]:
    return CASES if options.case is None else (options.case,)


def _case(case: str, options: Options) -> tuple[dict[str, Any], dict[str, Any]]:
    begin = time.perf_counter()
    recipe, told = chosen(BENCH, case, options)
    split = leave_one_out(read(folder(options, LOGS[case]), users=quick_users(options)))
    model = recipe.fit(split.train, context())
    fitted = time.perf_counter() - begin
    found = evaluate(model, split.test, split.train_validation)
    print(f"{case}: {recipe.name} {METRIC} {found.mean(METRIC):.5f}, fit {fitted:.0f} s", flush=True)
    told |= {
        "seconds of the fit, since it was last taken up": round(fitted, 1),
        "queries": len(split.test),
        "published": PUBLISHED[case],
    }
    told["test"] = {metric: round(found.mean(metric), 5) for metric in ("ndcg@5", METRIC, "hit@10", "ndcg@20")}
    best = next(iter(PUBLISHED[case]))
    return published_row(case, found, METRIC, BAR[case], peer=f"published {best}"), told
