"""MovieLens 100K, a random quarter of each user's ratings held out, five seeds: our best single model against EASE."""

import time
from typing import Any

from benchmarks import specs
from benchmarks.contest import QUICK, Candidate, chosen, context, validation_ndcg
from benchmarks.contest import tune as search
from benchmarks.form import Options, result, row
from benchmarks.logs import folder, quick_users, read, shares
from benchmarks.plain_ease import PlainEase
from benchmarks.tuning import Log, Pick, draws
from recsys.dataset.data import Split
from recsys.evaluate import Evaluation, compare, evaluate, pool

BARS = "best single model: ndcg@10 ≥ 1.00 of tuned plain EASE, and ≥ .48"
BENCH = CASE = "ml100k_random"
LOG = "ml-100k"
METRIC = "ndcg@10"
SEEDS = 5
REG = {"reg": Log(30.0, 3000.0)}
TRIALS = 16  # for the peer, and for a candidate of ours
CANDIDATES = (
    Candidate(
        "ease",
        {"forward": False, "popularity": 0.0, "half_life_days": 36_500.0, "half_life_events": 1e6, "reg": 400.0},
        {"reg": Log(200.0, 1000.0), "user_power": Pick((0.25, 0.4)), "reg_power": Pick((0.0, 0.25, 0.5))},
        TRIALS,
    ),
    Candidate(
        "ials",
        {"epochs": 6, "half_life_days": 36_500.0, "half_life_events": 1e6, "factors": 64},
        {"factors": Pick((32, 64)), "unobserved": Log(0.01, 1.0), "reg": Log(1e-3, 0.1)},
        TRIALS,
    ),
    Candidate("item_knn"),
    Candidate("als"),
)
PUBLISHED = {"BiVAE": 0.4751}


def tune(options: Options) -> None:
    """Choose ours and the peer's reg on the same validation slices of train, one a seed."""
    parts = _splits(options)
    slices = [(split.train, split.validation) for split in parts]
    search((BENCH, CASE), QUICK if options.quick else CANDIDATES, slices, 10, options)
    tried = []
    for drawn in draws(REG, 2 if options.quick else TRIALS):
        values = [validation_ndcg(PlainEase(train, drawn["reg"]), holdout, 10) for train, holdout in slices]  # type: ignore[arg-type]
        tried.append({**drawn, "validation": sum(values) / len(values)})
    best = max(tried, key=lambda one: one["validation"])
    specs.save(BENCH, "EASE", {**best, "budget": {"trials": len(tried)}}, options)


def run(options: Options) -> dict[str, Any]:
    """Refit both sides on train with validation, for every seed, and pool the users."""
    begin = time.perf_counter()
    recipe, told = chosen(BENCH, CASE, options)
    peer = specs.load(BENCH, "EASE", options)
    ours: list[Evaluation] = []
    theirs: list[Evaluation] = []
    for seed, split in enumerate(_splits(options)):
        data = split.train_validation
        ours.append(evaluate(recipe.fit(data, context(seed)), split.test, data))
        theirs.append(evaluate(PlainEase(data, peer["reg"]), split.test, data, name="EASE"))  # type: ignore[arg-type]
        print(f"seed {seed}: ours {ours[-1].mean(METRIC):.4f}, EASE {theirs[-1].mean(METRIC):.4f}", flush=True)
    both = pool(ours), pool(theirs)
    means = both[0].mean(METRIC), both[1].mean(METRIC)
    paired = compare(*both, METRIC)
    fine = paired.ratio >= 1.0 and means[0] >= 0.48
    bar = ">= 1.00 and ours >= .48"
    line = row(CASE, METRIC, ours=means[0], peer=means[1], peer_name="EASE, tuned", paired=paired, bar=bar, ok=fine)
    by_seed = [[round(a.mean(METRIC), 5), round(b.mean(METRIC), 5)] for a, b in zip(ours, theirs, strict=True)]
    details = {"ours": told, "EASE": peer, "ours and EASE by seed": by_seed, "published": PUBLISHED}
    settings = {"data": LOG, "split": "75/25 of each user", "seeds": SEEDS, "quick": options.quick}
    return result(BENCH, [line], details=details, settings=settings, seconds=time.perf_counter() - begin)


def _splits(options: Options) -> list[Split]:
    data = read(folder(options, LOG), users=quick_users(options))
    seeds = 2 if options.quick else SEEDS
    return [shares(data, test=0.25, validation=0.1, seed=seed) for seed in range(seeds)]
