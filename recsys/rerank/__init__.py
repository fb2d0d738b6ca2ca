"""What happens to a list between its ranking and the last check."""

from recsys.rerank.caps import cap, creators

__all__ = ["cap", "creators"]
