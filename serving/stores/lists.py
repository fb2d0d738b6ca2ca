"""Lists by hour, what came of quotas in them, and the traffic that is expected after them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select

from recsys.overrides import Traffic
from recsys.overrides.pacing import HOUR_SECONDS, WEEKS
from serving.stores.database import Database
from serving.stores.exposure import add
from serving.stores.newcomers import SERVICE, put_standing
from serving.stores.records import load
from serving.stores.tables import list_hours, quota_hours, standing

Hours = Counter[int]  # lists by hour since 1970
Quotas = dict[tuple[str, str, int], tuple[int, int, int]]  # quota, why it was not met, hour → lists, wanted, got
TRAFFIC = "traffic"
DAY_SECONDS = 86_400.0
KEPT_HOURS = 2 * WEEKS * 168
QUOTA_HOURS = 366 * 24


class ListStore:
    """Counts that name nobody and only rise."""

    _db: Database

    def add_lists(self, hours: Hours, quotas: Quotas) -> None:
        """Add what a worker has answered since it last told."""
        with self._db.write(SERVICE) as write:
            add(write, list_hours, [{"hour": hour, "n": n} for hour, n in hours.items()], ("n",))
            rows = [
                {"quota_id": key[0], "reason": key[1], "hour": key[2], "lists": n[0], "wanted": n[1], "got": n[2]}
                for key, n in quotas.items()
            ]
            add(write, quota_hours, rows, ("lists", "wanted", "got"))

    def list_hours(self) -> Hours:
        """Lists by hour, of some weeks."""
        return Counter({row.hour: row.n for row in self._db.rows(select(list_hours))})

    def quota_hours(self) -> Quotas:
        """What came of each quota, by reason and hour."""
        found = self._db.rows(select(quota_hours))
        return {(r.quota_id, r.reason, r.hour): (r.lists, r.wanted, r.got) for r in found}

    def traffic(self) -> Traffic | None:
        """The profile that was measured last; None before there was one."""
        found = self._db.rows(select(standing.c.document).where(standing.c.kind == TRAFFIC))
        return traffic_of(load(found[0].document)) if found else None

    def traffic_is_due(self) -> bool:
        """Whether a profile was not measured within a day."""
        found = self._db.rows(select(standing.c.at).where(standing.c.kind == TRAFFIC))
        return not found or self._db.clock() - found[0].at >= DAY_SECONDS

    def put_traffic(self, found: Traffic) -> None:
        """Put a measured profile in force, and forget hours that none will go by any more, and quotas of years past."""
        document = {"hours": list(found.hours), "zone": found.zone}
        with self._db.write(SERVICE) as write:
            put_standing(write, TRAFFIC, document)
            write.change("traffic", "", document)
            hour = write.now // HOUR_SECONDS
            write.execute(delete(list_hours).where(list_hours.c.hour < hour - KEPT_HOURS))
            write.execute(delete(quota_hours).where(quota_hours.c.hour < hour - QUOTA_HOURS))


def traffic_of(document: Mapping[str, Any]) -> Traffic:
    """A profile from its line in the change log."""
    return Traffic(tuple(document["hours"]), document["zone"])
