"""The review queue: cases, who looks at them, what was decided and why, and appeals against it.

A hold or a failed scan is a case by itself and has a row only once somebody has claimed or decided it. Every write
names the version of the case that was read, so that two people never decide one case unawares.
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Row, func, select

from recsys.errors import ConfigError
from recsys.safety.labels import LabelEvent
from recsys.safety.review import KINDS, Kind, worst
from serving.stores.database import Database, Write, chunks
from serving.stores.labels import add
from serving.stores.records import ConflictError, dump, load
from serving.stores.tables import reports, reviews, statements

CLAIM_SECONDS = 1_800.0  # how long a claim keeps others away
APPEAL_DAYS = 183  # six months
KEPT_REPORTS = 1_000  # notes kept of one case; more are counted
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Review:
    """A case of the queue. ``version`` 0 = nobody has touched it yet."""

    id: str
    kind: Kind
    item_id: str
    version: int = 0
    open: bool = True
    opened_at: float = 0.0  # s UTC
    reason: str = ""
    reports: int = 0
    claimed_by: str | None = None
    claimed_at: float | None = None
    statement_id: str | None = None  # of an appeal: the decision that it is against
    barred: tuple[str, ...] = ()  # who has decided before and may not again


@dataclass(frozen=True, slots=True)
class Reasons:
    """What a decision tells whoever it concerns."""

    what: str  # the facts
    why: str
    rule: str  # the law or the term of use
    scope: str  # where and for how long


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of reasons, kept for good."""

    id: str
    review_id: str
    item_id: str
    provider: str | None
    reasons: Reasons
    labels: tuple[dict[str, Any], ...]  # the label events of the decision
    decided_by: str
    barred: tuple[str, ...]  # everybody who has decided on the matter so far
    at: float  # s UTC


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer found: labels of source human, and the reasons."""

    review_id: str
    version: int  # of the case, as it was read
    labels: tuple[LabelEvent, ...]
    reasons: Reasons
    provider: str | None = None


def case(kind: Kind, key: str) -> Review:
    """The case of an item (of an appeal: of a statement) before anything is stored of it."""
    spelled = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return Review(f"{kind}_{spelled}", kind, "" if kind == "appeal" else key)


def case_of(review_id: str) -> Review | None:
    """The untouched case of an id; None where it is no id of a hold or a failed scan."""
    kind, _, spelled = review_id.partition("_")
    if kind not in {"hold", "error"}:
        return None
    try:
        key = base64.urlsafe_b64decode(spelled + "=" * (-len(spelled) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    found = case(next(known for known in KINDS if known == kind), key)
    return found if key and found.id == review_id else None


class ReviewStore:
    """Cases, reports, statements of reasons and appeals."""

    _db: Database

    def reviews(self, *, opened: bool = True) -> list[Review]:
        """Every stored case that is open (or closed), oldest first."""
        query = select(reviews).where(reviews.c.open.is_(opened)).order_by(reviews.c.opened_at, reviews.c.id)
        return [_review(row) for row in self._db.rows(query)]

    def review(self, review_id: str) -> Review | None:
        """One case, stored or untouched; None where there is none of that id."""
        rows = self._db.rows(select(reviews).where(reviews.c.id == review_id))
        return _review(rows[0]) if rows else case_of(review_id)

    def report_notes(self, review_id: str) -> list[tuple[str, str, str, float]]:
        """(reason, note, reporter, time) of the newest reports of a case, newest first."""
        query = select(reports).where(reports.c.review_id == review_id).order_by(reports.c.at.desc()).limit(PAGE)
        return [(row.reason, row.note, row.reporter, row.at) for row in self._db.rows(query)]

    def report(self, item_id: str, reason: str, note: str, actor: str) -> Review:
        """Report an item: opens its case, or adds to it."""
        blank = case("report", item_id)
        with self._db.write(actor) as write:
            known = _known(write, blank)
            if known.version and known.open:
                after = replace(known, reports=known.reports + 1, reason=worst([known.reason, reason]))
            else:
                after = replace(blank, version=known.version, opened_at=write.now, reason=reason, reports=1)
            _note(write, after, reason, note)
            after = _put(write, after)
            # The note stays out of the audit, which cannot forget: people write names into such fields.
            write.audit("review.report", item_id, after={"review": after.id, "reason": reason})
        return after

    def claim_review(self, review_id: str, version: int, actor: str) -> Review:
        """Keep a case for oneself for half an hour; claiming it again renews that. ConflictError where one cannot."""
        with self._db.write(actor) as write:
            known = _mine(write, review_id, version)
            opened = known.opened_at if known.version and known.open else write.now
            after = _put(write, replace(known, open=True, opened_at=opened, claimed_by=actor, claimed_at=write.now))
            write.audit("review.claim", after.item_id, after={"review": after.id})
        return after

    def decide_review(self, decision: Decision, actor: str) -> Statement:
        """Close a case with labels and a statement of reasons, all or nothing; the labels count at once."""
        if not decision.labels:
            raise ConfigError("A decision is a label that is given or taken back; give at least one.")
        _refuse_incomplete(decision.reasons)
        statement_id = f"st_{secrets.token_hex(8)}"
        with self._db.write(actor) as write:
            known = _mine(write, decision.review_id, decision.version)
            said = [_judged(event, known, statement_id, actor, write.now) for event in decision.labels]
            stored = add(write, said, dated=False, reason=decision.reasons.why)
            statement = Statement(
                *(statement_id, known.id, known.item_id, decision.provider, decision.reasons),
                labels=tuple(asdict(event) for event in stored),
                decided_by=actor,
                barred=(*known.barred, actor),
                at=write.now,
            )
            state(write, statement)
            _put(write, replace(known, open=False, claimed_by=None, claimed_at=None))
            write.audit(
                *("review.decide", known.item_id),
                after={"review": known.id, "statement": statement_id},
                reason=decision.reasons.why,
            )
        return statement

    def appeal(self, statement_id: str, why: str, actor: str) -> Review:
        """Have a decision looked at by somebody else; a second appeal against it changes nothing while it is open."""
        blank = case("appeal", statement_id)
        with self._db.write(actor) as write:
            rows = write.execute(select(statements).where(statements.c.id == statement_id)).all()
            if not rows:
                raise ConfigError(f"There is no statement {statement_id}; the id is in the statement of reasons.")
            statement, known = _statement(rows[0]), _known(write, blank)
            if known.version:
                if not known.open:
                    raise ConflictError(
                        f"The appeal against {statement_id} has been decided; appeal against the statement of that."
                    )
                return known
            if write.now > statement.at + APPEAL_DAYS * 86_400:
                raise ConflictError(f"The {APPEAL_DAYS} days for an appeal against {statement_id} are over.")
            after = replace(blank, item_id=statement.item_id, opened_at=write.now, reason="appeal", reports=1)
            after = replace(after, statement_id=statement_id, barred=statement.barred)
            _note(write, after, "appeal", why)
            after = _put(write, after)
            write.audit("review.appeal", statement.item_id, after={"review": after.id})
        return after

    def statement(self, statement_id: str) -> Statement | None:
        """One statement of reasons."""
        rows = self._db.rows(select(statements).where(statements.c.id == statement_id))
        return _statement(rows[0]) if rows else None

    def statements(
        self,
        *,
        item_id: str | None = None,
        provider: str | None = None,
        provider_of: Callable[[str], str | None] = lambda item_id: None,
    ) -> list[Statement]:
        """The newest statements first, at most 1,000; of an item or a provider where one is given.

        ``provider_of`` says whose a work is where its statement does not: an order or a label knows the work alone.
        """
        newest = select(statements).order_by(statements.c.at.desc(), statements.c.id).limit(PAGE)
        if item_id is not None:
            newest = newest.where(statements.c.item_id == item_id)
        if provider is None:
            return [_statement(row) for row in self._db.rows(newest)]
        unsaid = statements.c.provider.is_(None)
        works = [row.item_id for row in self._db.rows(select(statements.c.item_id).where(unsaid).distinct())]
        found = self._db.rows(newest.where(statements.c.provider == provider))
        for some in chunks(work for work in works if provider_of(work) == provider):
            found += self._db.rows(newest.where(unsaid & statements.c.item_id.in_(some)))
        return sorted(map(_statement, found), key=lambda one: (-one.at, one.id))[:PAGE]


def state(write: Write, statement: Statement) -> None:
    """Store a statement of reasons with what it is about."""
    write.execute(statements.insert(), _row(statement))


def _known(write: Write, blank: Review) -> Review:
    row = write.execute(select(reviews).where(reviews.c.id == blank.id)).first()
    return blank if row is None else _review(row)


def _mine(write: Write, review_id: str, version: int) -> Review:
    """The case as it is now, if the actor may go on with it."""
    blank = case_of(review_id)
    row = write.execute(select(reviews).where(reviews.c.id == review_id)).first()
    known = blank if row is None else _review(row)
    if known is None:
        raise ConfigError(f"There is no review {review_id}; list them with: recsys review list.")
    if known.version != version:
        raise ConflictError(
            f"The case has changed since you read it: its version is {known.version}, not {version}; read it again."
        )
    if not known.open and blank is None:
        raise ConflictError("The case has been decided; a new report or an appeal opens it again.")
    if _is_barred(known, write.actor):
        raise ConflictError("You have decided this matter before; an appeal is decided by another reviewer.")
    other = known.claimed_by not in (None, write.actor)
    if other and known.claimed_at is not None and write.now < known.claimed_at + CLAIM_SECONDS:
        raise ConflictError(f"{known.claimed_by} is looking at this case; take another one.")
    return known


def _is_barred(review: Review, actor: str) -> bool:
    return actor in review.barred


def _refuse_incomplete(reasons: Reasons) -> None:
    for name, text in asdict(reasons).items():
        if not text.strip():
            raise ConfigError(f"{name} is empty; a statement of reasons says what, why, which rule and how far.")


def _put(write: Write, review: Review) -> Review:
    after = replace(review, version=review.version + 1)
    row = {**asdict(after), "barred": dump(list(after.barred))}
    if review.version:
        write.execute(reviews.update().where(reviews.c.id == after.id), row)
    else:
        write.execute(reviews.insert(), row)
    return after


def _note(write: Write, review: Review, reason: str, note: str) -> None:
    kept = select(func.count()).select_from(reports).where(reports.c.review_id == review.id)
    if (write.connection.scalar(kept) or 0) >= KEPT_REPORTS:
        return
    row = {"id": f"rp_{secrets.token_hex(8)}", "review_id": review.id, "item_id": review.item_id}
    write.execute(reports.insert(), {**row, "reason": reason, "note": note, "reporter": write.actor, "at": write.now})


def _judged(event: LabelEvent, review: Review, statement_id: str, actor: str, now: float) -> LabelEvent:
    """A decision's label is a human's, of the case's item, and its evidence is the statement."""
    evidence = f"statement {statement_id}"
    judged = replace(event, item_id=review.item_id, source="human", evidence=evidence, actor=actor, created=now)
    return judged.checked()


def _row(statement: Statement) -> dict[str, Any]:
    values = {**asdict(statement), **asdict(statement.reasons)}
    del values["reasons"]
    return {**values, "labels": dump(list(statement.labels)), "barred": dump(list(statement.barred))}


def _statement(row: Row[Any]) -> Statement:
    return Statement(
        *(row.id, row.review_id, row.item_id, row.provider, Reasons(row.what, row.why, row.rule, row.scope)),
        labels=tuple(load(row.labels)),
        decided_by=row.decided_by,
        barred=tuple(load(row.barred)),
        at=row.at,
    )


def _review(row: Row[Any]) -> Review:
    return Review(**{**row._mapping, "barred": tuple(load(row.barred))})
