"""What happens to a list between its ranking and the last check."""

from recsys.rerank.caps import cap, creators
from recsys.rerank.model import reranked
from recsys.rerank.spec import Calibration, Exploration, Rerank

__all__ = ["Calibration", "Exploration", "Rerank", "cap", "creators", "reranked"]
