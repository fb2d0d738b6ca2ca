"""What is on the rise: decayed counts by media type and territory, kept live event by event."""

from recsys.models.trending.live import LiveTrending
from recsys.models.trending.model import Counts, TrendingModel
from recsys.models.trending.recipe import Trending

__all__ = ["Counts", "LiveTrending", "Trending", "TrendingModel"]
