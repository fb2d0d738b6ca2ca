"""Metrics on plain arrays: accuracy per query, what lists do beyond it, and intervals."""

from recsys.metrics.accuracy import (
    accuracy_metrics,
    hit_rate,
    hits,
    mean_ndcg,
    mrr,
    ndcg,
    recall,
    register,
    top_matrix,
)
from recsys.metrics.beyond import (
    coverage,
    deciles,
    filled,
    intra_list_diversity,
    item_features,
    novelty,
    popularity_share,
)
from recsys.metrics.intervals import Interval, Mean, bootstrap, bootstrap_columns, paired_ratio

__all__ = [
    "Interval",
    "Mean",
    "accuracy_metrics",
    "bootstrap",
    "bootstrap_columns",
    "coverage",
    "deciles",
    "filled",
    "hit_rate",
    "hits",
    "intra_list_diversity",
    "item_features",
    "mean_ndcg",
    "mrr",
    "ndcg",
    "novelty",
    "paired_ratio",
    "popularity_share",
    "recall",
    "register",
    "top_matrix",
]
