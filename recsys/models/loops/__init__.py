"""What takes most of the time of models that add up rows, mix parts and score by trees, in compiled loops."""

from recsys.models.loops.forest import CompiledForest
from recsys.models.loops.rows import add_entries, add_rows, best, merge
from recsys.models.loops.scores import mix, ranked, scales, standard, table, weighted

__all__ = [
    "CompiledForest",
    "add_entries",
    "add_rows",
    "best",
    "merge",
    "mix",
    "ranked",
    "scales",
    "standard",
    "table",
    "weighted",
]
