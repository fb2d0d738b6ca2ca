"""DDEX Electronic Release Notification 3.8 and 4: deals, takedowns, purges.

Sources: DDEX data dictionary (DealTerms, PeriodWithStartDate, PurgedRelease) and knowledge base (dates are inclusive
and local; date-times without an offset are local).
"""

from collections.abc import Iterator
from datetime import date
from typing import BinaryIO, NamedTuple

from recsys.errors import DataError
from recsys.safety.rights.documents import Node, nodes
from recsys.safety.rights.entry import Entry, bounded, day_after, embargo, territories
from recsys.safety.rights.form import moment
from recsys.safety.rights.local import When
from recsys.safety.rights.places import NOWHERE, WORLD, Places
from recsys.safety.rights.record import Rights, Term

ROOTS = {"NewReleaseMessage", "PurgeReleaseMessage"}
SCHEMES = {"GRid": "grid", "ISRC": "isrc", "ICPN": "icpn", "ProprietaryId": "proprietary", "CatalogNumber": "catalog"}
MAX_DEALS = 1_000_000  # pairs of a deal and a release that one message may speak of
DISPLAY = ("ReleaseDisplayStartDate", "ReleaseDisplayStartDateTime")
_PARTS = {"Release", "TrackRelease", "ReleaseDeal", "PurgedRelease"}


class _Release(NamedTuple):
    """What has to be remembered of a release until its deals come."""

    ids: tuple[tuple[str, str], ...]
    references: list[str]
    where: str


def read_ddex(file: BinaryIO, name: str) -> Iterator[Entry]:
    """One entry a release; a release without a deal may be shown nowhere. DataError names file, line and element."""
    releases: list[_Release] = []
    spoken: dict[str, list[Node]] = {}  # what is said of each release, by its reference
    for node in nodes(file, name, _PARTS):
        match node.name:
            case "PurgedRelease":
                yield Entry(_ids(node), Rights((), (), "ddex", name), node.where, takedown=True)
            case "ReleaseDeal":
                for reference in sorted({found.text for found in node.all("DealReleaseReference")}):
                    spoken.setdefault(reference, []).append(node)
            case "Release" | "TrackRelease":
                references = sorted({found.text for found in node.all("ReleaseReference")})
                releases.append(_Release(_ids(node), references, node.where))
            case root if root not in ROOTS:
                raise node.fault(f"this is no message of DDEX ERN, whose root is one of {', '.join(sorted(ROOTS))}")
    if lost := sorted(spoken.keys() - {reference for release in releases for reference in release.references}):
        raise DataError(f"{name}: a deal names the release {lost[0]!r:.40}, which the message does not have.")
    pairs = 0
    for release in releases:
        deals: list[Node] = []
        for said in (said for reference in release.references for said in spoken.get(reference, ())):
            deals += said.all("Deal")
            if pairs + len(deals) > MAX_DEALS:
                raise DataError(f"{name}: deals and releases make more than {MAX_DEALS} pairs; split the message.")
        pairs += len(deals)
        yield _entry(release, deals, name)


def _entry(release: _Release, deals: list[Node], document: str) -> Entry:
    said = [_terms(terms) for deal in deals for terms in deal.all("DealTerms")]
    grants = tuple(term for granted, _ in said for term in granted)
    bars = tuple(term for _, barred in said for term in barred)
    rights = bounded(Rights(grants, bars, "ddex", document), release.where)
    return Entry(release.ids, rights, release.where, takedown=Term(use="territory") in bars, silent=not deals)


def _terms(terms: Node) -> tuple[list[Term], list[Term]]:
    """Grants and bars of one deal."""
    periods = [_period(node) for node in terms.all("ValidityPeriod")] or [(float("-inf"), float("inf"))]
    if _true(terms, "TakeDown") or _true(terms, "AllDealsCancelled"):
        where = _where(terms, WORLD, bars=True)
        return [], [Term(where, opens, closes, "territory") for opens, closes in periods]
    where = _where(terms, NOWHERE)
    announced = _where(terms, NOWHERE, bars=True)
    bars = [embargo(announced, _when(node)) for name in DISPLAY for node in terms.all(name)]
    if _true(terms, "IsPreOrderDeal") or not where:
        return [], bars
    uses = [node.text for path in (("UseType",), ("Usage", "UseType")) for node in terms.all(*path)]
    use = ",".join(dict.fromkeys(uses))[:200]
    return [Term(where, opens, closes, use) for opens, closes in periods], bars


def _where(terms: Node, unsaid: Places, *, bars: bool = False) -> Places:
    included = [node.text for node in terms.all("TerritoryCode")]
    excluded = [node.text for node in terms.all("ExcludedTerritoryCode")]
    if not included and not excluded:
        return unsaid
    return territories(included or ["WORLD"], excluded, terms.fault, bars=bars)


def _period(period: Node) -> tuple[When, When]:
    """No start is at once, no end is open; an end given as a date is the last day of the deal."""
    opens = next((_when(node) for name in ("StartDateTime", "StartDate") for node in period.all(name)), float("-inf"))
    for node in period.all("EndDateTime"):
        return opens, _when(node)
    for node in period.all("EndDate"):
        end = _when(node)
        return opens, day_after(end) if type(end) is date else end
    return opens, float("inf")


def _when(node: Node) -> When:
    try:
        return moment(node.text)
    except (ValueError, OverflowError):
        raise node.fault(f"{node.text!r:.40} is no date; write 2027-01-31 or 2027-01-31T09:30:00") from None


def _ids(release: Node) -> tuple[tuple[str, str], ...]:
    found = tuple(
        (SCHEMES[node.name], node.text)
        for ids in release.all("ReleaseId")
        for node in ids.children
        if node.name in SCHEMES and node.text
    )
    if not found:
        raise release.fault("it has no ReleaseId with a GRid, ISRC, ICPN, ProprietaryId or CatalogNumber")
    return found


def _true(terms: Node, name: str) -> bool:
    return terms.value(name).lower() in {"true", "1"}
