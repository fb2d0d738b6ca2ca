"""How good a model's lists are: full ranking over the whole catalogue, seen items removed, never sampled negatives."""

from recsys.evaluate.artifact import load_evaluation, save_evaluation
from recsys.evaluate.engine import evaluate
from recsys.evaluate.evaluation import NEW_ITEMS, SEGMENT, Evaluation, compare, pool, table

__all__ = [
    "NEW_ITEMS",
    "SEGMENT",
    "Evaluation",
    "compare",
    "evaluate",
    "load_evaluation",
    "pool",
    "save_evaluation",
    "table",
]
