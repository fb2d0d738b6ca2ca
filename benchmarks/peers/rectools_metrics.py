"""RecTools' calc_metrics: runs in its own environment and knows nothing of the project.

    rectools_metrics.py '{"lists": …, "truth": …, "ks": [5, 10]}'

``lists`` and ``truth`` are Parquet: (user, item, rank) and (user, item). Each line on stdin lets it measure once; it
answers {"seconds", "values"}: the time of calc_metrics alone, and what it gave.
"""

import json
import sys
import time
import warnings

import pandas as pd
from rectools import Columns
from rectools.metrics import NDCG, HitRate, Precision, Recall, calc_metrics


def main():
    told = json.loads(sys.argv[1])
    warnings.filterwarnings("ignore")
    names = {"user": Columns.User, "item": Columns.Item, "rank": Columns.Rank}
    lists, truth = (pd.read_parquet(told[name]).rename(columns=names) for name in ("lists", "truth"))
    metrics = {}
    for k in told["ks"]:
        metrics[f"recall@{k}"] = Recall(k=k)
        metrics[f"precision@{k}"] = Precision(k=k)
        metrics[f"ndcg@{k}"] = NDCG(k=k, divide_by_achievable=True)
        metrics[f"hit@{k}"] = HitRate(k=k)
    for _ in sys.stdin:
        begin = time.perf_counter()
        values = calc_metrics(metrics, reco=lists, interactions=truth)
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "values": {name: float(values[name]) for name in metrics}}), flush=True)


if __name__ == "__main__":
    main()
