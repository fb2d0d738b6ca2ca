"""Users' histories read from a pinned lake version, for lists made offline by the same engine."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.clock import to_datetime
from recsys.errors import DataError
from recsys.lake import Lake
from recsys.types import NOTHING
from serving.stores.state import History


class LakeHistories:
    """Histories and profiles of a lake version, up to a moment. Holds the events of the log in memory, as columns."""

    def __init__(self, lake: Lake, versions: Mapping[str, int], at: float | None) -> None:
        events = _sorted(lake.read("events", versions.get("events")))
        self.newest = _newest(events)
        if at is not None:
            events = events.filter(pc.fill_null(pc.less_equal(events["timestamp"], to_datetime(at)), True))
        users = events["user_id"].to_numpy(zero_copy_only=False)
        self._events = events.select(["item_id", "kind", "value", "timestamp"])
        self._names, self._starts = np.unique(users, return_index=True)
        self._ends = np.append(self._starts[1:], len(users))
        self._profiles = _profiles(lake, versions)

    def users(self) -> list[str]:
        """Every user with an event, sorted."""
        return [str(name) for name in self._names]

    def history(self, user_id: str, limit: int | None = None) -> History:
        """Everything a user has had, oldest first; empty for a user the lake does not know."""
        place = np.searchsorted(self._names, user_id)
        if place == len(self._names) or self._names[place] != user_id:
            return History([], [], [], [])
        start, end = int(self._starts[place]), int(self._ends[place])
        if limit is not None:
            start = max(start, end - limit)
        own = self._events.slice(start, end - start)
        times = [float("nan") if moment is None else moment.timestamp() for moment in own["timestamp"].to_pylist()]
        return History(own["item_id"].to_pylist(), own["kind"].to_pylist(), own["value"].to_pylist(), times)

    def profile(self, user_id: str) -> Mapping[str, str]:
        """What the users table says of a user."""
        return self._profiles.get(user_id, NOTHING)


def _sorted(events: pa.Table) -> pa.Table:
    keys = [(name, "ascending") for name in ("user_id", "timestamp", "order", "event_id")]
    return events.sort_by(keys).combine_chunks()


def _newest(events: pa.Table) -> float | None:
    newest = pc.max(events["timestamp"]).as_py()
    return None if newest is None else float(newest.timestamp())


def _profiles(lake: Lake, versions: Mapping[str, int]) -> dict[str, Mapping[str, str]]:
    if not lake.has("users"):
        return {}
    rows = lake.read("users", versions.get("users")).to_pylist()
    return {row.pop("user_id"): {name: str(value) for name, value in row.items() if value is not None} for row in rows}


def read_users(lines: Sequence[str]) -> list[str]:
    """User ids of a file: one a line, no header, blank lines and duplicates ignored."""
    users = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not users:
        raise DataError("The users file names nobody; write one user id a line.")
    return users
