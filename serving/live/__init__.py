"""Counts that follow the events as they arrive, the same on every worker."""

from serving.live.follower import Follower, Now

__all__ = ["Follower", "Now"]
