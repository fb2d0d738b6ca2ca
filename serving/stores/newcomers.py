"""New works: what is counted of each, who was shown it, and the day's budget that is in force."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import delete, select, update

from recsys.overrides import Budget, Newcomer, Stage
from recsys.overrides.newcomers import COLD_START
from recsys.overrides.pacing import HOUR_SECONDS
from serving.stores.database import Database, Write
from serving.stores.exposure import inserting, just_erased
from serving.stores.records import dump, load
from serving.stores.tables import changes, exposures, items, newcomer_users, newcomers, standing

SERVICE = "service"  # the actor of what follows from the policy and from counts
FORGOTTEN = 90 * 86_400.0  # s after its end a work leaves the report
KEPT = 8 * 86_400.0  # s for which impressions of budgets are kept; nothing goes by them after the day
Pair = tuple[str, str]  # item, pseudonym


@dataclass(frozen=True, slots=True)
class Known:
    """A new work that has had a place in the budget; what is counted of it ends with its stage."""

    work: Newcomer
    stage: Stage = "exploring"
    ended_at: float | None = None  # s UTC


class NewcomerStore:
    """What is counted of new works names nobody; who was shown one is known by pseudonym, as long as it explores."""

    _db: Database

    def newcomers(self) -> list[Known]:
        """Every new work, the newest first."""
        found = self._db.rows(select(newcomers).order_by(newcomers.c.since.desc(), newcomers.c.item_id))
        return [Known(Newcomer(r.item_id, r.since, r.impressions, r.positives), r.stage, r.ended_at) for r in found]

    def add_newcomers(self, works: Iterable[Newcomer]) -> None:
        """Begin to count these; one that is known stays as it is."""
        rows = [{**asdict(work), "stage": "exploring"} for work in works]
        if rows:
            with self._db.write(SERVICE) as write:
                write.execute(inserting(write, newcomers).on_conflict_do_nothing(), rows)

    def end_newcomers(self, stages: Mapping[str, Stage], oldest: float) -> None:
        """Works that have graduated or stopped: nothing more is counted of them, and who saw them is forgotten.

        Those that ended long ago leave the report, if their first day lies before ``oldest`` (s UTC): others would come
        again as new ones.
        """
        with self._db.write(SERVICE) as write:
            for item, stage in stages.items():
                mine = (newcomers.c.item_id == item) & (newcomers.c.stage == "exploring")
                write.execute(update(newcomers).where(mine), {"stage": stage, "ended_at": write.now})
                write.execute(delete(newcomer_users).where(newcomer_users.c.item_id == item))
            gone = (newcomers.c.ended_at < write.now - FORGOTTEN) & (newcomers.c.since < oldest)
            write.execute(delete(newcomers).where(gone))

    def count_newcomers(self, shown: Counter[str], users: Collection[Pair], liked: Collection[Pair]) -> set[Pair]:
        """Add impressions by item, who had them, and who liked what; gives those of ``liked`` who had been shown it.

        A user likes a work once, however many of their events say so.
        """
        with self._db.write(SERVICE) as write:
            exploring = set(
                write.execute(select(newcomers.c.item_id).where(newcomers.c.stage == "exploring")).scalars()
            )
            gone = just_erased(write)
            rows = [
                {"item_id": item, "pseudonym": user, "liked": False}
                for item, user in users
                if item in exploring and user not in gone
            ]
            if rows:
                write.execute(inserting(write, newcomer_users).on_conflict_do_nothing(), rows)
            heard, fresh = _liked(write, liked)
            for item in exploring & {*shown, *fresh}:
                more = {
                    "impressions": newcomers.c.impressions + shown[item],
                    "positives": newcomers.c.positives + fresh[item],
                }
                write.execute(update(newcomers).where(newcomers.c.item_id == item).values(more))
        return heard

    def first_seen(self, since: float) -> dict[str, float]:
        """When each upserted work arrived for the first time, of those that did after ``since`` (s UTC)."""
        arrived = select(items.c.item_id, changes.c.at).join(changes, changes.c.seq == items.c.first_seq)
        return {row.item_id: row.at for row in self._db.rows(arrived.where(changes.c.at > since))}

    def cold_start(self) -> Budget | None:
        """The budget of new works that was put in force last; its day may be over."""
        found = self._db.rows(select(standing.c.document).where(standing.c.kind == COLD_START))
        return budget_of(load(found[0].document)) if found else None

    def put_cold_start(self, budget: Budget | None) -> bool:
        """Put a day's budget in force, None for none; False where that is what is in force already."""
        with self._db.write(SERVICE) as write:
            row = write.execute(select(standing.c.document).where(standing.c.kind == COLD_START)).first()
            before = None if row is None else budget_of(load(row.document))
            if _same(before, budget):
                return False
            said: dict[str, Any] = {} if budget is None else asdict(budget)
            put_standing(write, COLD_START, said)
            if budget is None:  # nothing explores: nobody has to be known by what they were shown
                write.execute(delete(newcomer_users))
            old = exposures.c.campaign_id.startswith(f"{COLD_START}.", autoescape=True)
            write.execute(delete(exposures).where(old & (exposures.c.hour < (write.now - KEPT) // HOUR_SECONDS)))
            write.change("cold_start", "" if budget is None else budget.id, said)
        return True


def budget_of(document: Mapping[str, Any]) -> Budget | None:
    """A budget from its line in the change log."""
    if not document:
        return None
    lists = {name: tuple(document[name]) for name in ("items", "surfaces")}
    return Budget(**{**document, **lists})


def put_standing(write: Write, kind: str, document: Mapping[str, Any]) -> None:
    """What the service has put in force, in place of what there was of this kind."""
    insert = inserting(write, standing)
    fresh = {"document": insert.excluded.document, "at": insert.excluded.at}
    row = {"kind": kind, "document": dump(document), "at": write.now}
    write.execute(insert.on_conflict_do_update(index_elements=["kind"], set_=fresh), row)


def _same(before: Budget | None, after: Budget | None) -> bool:
    """Whether two budgets give the same: in which order their works come makes no difference."""
    if before is None or after is None:
        return before is after
    return replace(before, items=tuple(sorted(before.items))) == replace(after, items=tuple(sorted(after.items)))


def _liked(write: Write, pairs: Collection[Pair]) -> tuple[set[Pair], Counter[str]]:
    """Those of ``pairs`` that were shown, and how many of them are new, by item."""
    heard: set[Pair] = set()
    fresh: Counter[str] = Counter()
    for item, user in pairs:
        mine = (newcomer_users.c.item_id == item) & (newcomer_users.c.pseudonym == user)
        row = write.execute(select(newcomer_users.c.liked).where(mine)).first()
        if row is None:
            continue
        heard.add((item, user))
        if not row.liked:
            write.execute(update(newcomer_users).where(mine), {"liked": True})
            fresh[item] += 1
    return heard, fresh
