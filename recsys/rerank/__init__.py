"""What happens to a list between its ranking and the last check."""

from recsys.rerank.caps import Cap, cap, cap_all, creators, crowded, firsts
from recsys.rerank.model import reranked
from recsys.rerank.spec import Calibration, Exploration, Rerank

__all__ = ["Calibration", "Cap", "Exploration", "Rerank", "cap", "cap_all", "creators", "crowded", "firsts", "reranked"]
