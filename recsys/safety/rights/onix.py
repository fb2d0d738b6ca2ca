"""ONIX for Books 3.0 and 3.1, reference names and short tags: sales rights, markets, embargoes.

Sources: EDItEUR code lists 46 (sales rights), 49 (regions), 55 (date formats), 64 and 68 (publishing status), 71 (sales
restrictions), 91 (countries), 163 (publishing dates).
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import BinaryIO

from recsys.safety.rights.documents import Node, nodes
from recsys.safety.rights.entry import Entry, bounded, day_after, embargo, same, territories
from recsys.safety.rights.form import moment
from recsys.safety.rights.local import When
from recsys.safety.rights.onix_tags import SHORT_TAGS
from recsys.safety.rights.places import NOWHERE, WORLD, Places
from recsys.safety.rights.record import Rights, Term

SELLS = {"01", "02", "07", "08"}  # 07 and 08 are deprecated for 01 and 02 with a restriction
NOT_FOR_SALE = {"03", "04", "05", "06"}
OFF_SALE = {"01", "03", "05", "11", "12", "15", "16", "17"}  # cancelled, postponed, transferred, withdrawn, recalled …
FREE_RESTRICTIONS = {"09", "99"}  # not to libraries; none
EMBARGO, ANNOUNCEMENT, WITHDRAWAL = "02", "09", "13"  # roles of dates
PARTIAL, DELETE = "04", "05"
SCHEMES = {"02": "isbn", "15": "isbn", "03": "gtin", "06": "doi", "01": "proprietary"}
_TIMED = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)?(Z|[+-]\d{4})?")


def read_onix(file: BinaryIO, name: str) -> Iterator[Entry]:
    """One entry a product. DataError names file, line and element of what cannot be read."""
    for node in nodes(file, name, {"Product"}, SHORT_TAGS):
        if node.name == "Product":
            entry = _entry(node, name)
            if not (entry.silent and not entry.rights.bars and node.value("NotificationType") == PARTIAL):
                yield entry  # a block update that says nothing of rights leaves them as they are
        elif node.name != "ONIXMessage":
            raise node.fault("this is no ONIX message, whose root is ONIXMessage")
        elif not node.attributes.get("release", "").startswith("3."):
            raise node.fault("only release 3.0 and later are read; have the message converted")


def _entry(product: Node, document: str) -> Entry:
    ids = tuple(_ids(product))
    if not ids:
        raise product.fault("it has no RecordReference and no ProductIdentifier; every product needs one")
    detail = next(product.all("PublishingDetail"), None)
    if product.value("NotificationType") == DELETE:
        return Entry(ids, Rights((), (), "onix", document), product.where)
    grants = _grants(detail) if detail else []
    bars = [*(_general_bars(detail) if detail else ()), *_market_bars(product)]
    rights = bounded(Rights(tuple(grants), tuple(bars), "onix", document), product.where)
    silent = detail is None or next(detail.all("SalesRights"), None) is None
    return Entry(ids, rights, product.where, silent=silent)


def _ids(product: Node) -> Iterator[tuple[str, str]]:
    for found in product.all("ProductIdentifier"):
        scheme, value = SCHEMES.get(found.value("ProductIDType"), ""), found.value("IDValue")
        if scheme == "gtin" and value.startswith(("978", "979")):
            scheme = "isbn"
        if scheme and value:
            yield scheme, same(scheme, value)
    if reference := product.value("RecordReference"):
        yield "record", reference


def _grants(detail: Node) -> Iterator[Term]:
    """Where it is for sale: what is not for sale anywhere outranks what is."""
    sold: list[tuple[Places, str]] = []
    barred, named = NOWHERE, NOWHERE
    for composite in detail.all("SalesRights"):
        kind = composite.value("SalesRightsType")
        where = _territory(composite, bars=kind in NOT_FOR_SALE)
        named = named.union(where)
        if kind in SELLS:
            sold.append((where, kind))
        elif kind in NOT_FOR_SALE:
            barred = barred.union(where)
        else:
            raise composite.fault(f"the sales rights type {kind!r:.20} is not on list 46; give one of 01 to 08")
    rest = detail.value("ROWSalesRightsType")
    if rest in SELLS:
        sold.append((_rest(named), rest))
    elif rest not in NOT_FOR_SALE | {"", "00"}:
        raise detail.fault(f"ROWSalesRightsType {rest!r:.20} is not on list 46; give one of 00 to 08")
    return (Term(left, use=f"sell:{kind}") for where, kind in sold if (left := where.without(barred)))


def _rest(named: Places) -> Places:
    """The rest of the world is wherever no composite says anything, for sale or not."""
    return named.outside()


def _general_bars(detail: Node) -> Iterator[Term]:
    if detail.value("PublishingStatus") in OFF_SALE:
        yield Term(use="window")
    yield from _date_bars(detail, "Publishing", WORLD)
    yield from _restrictions(detail, WORLD)
    for composite in detail.all("SalesRights"):
        yield from _restrictions(composite, _territory(composite, bars=True))


def _market_bars(product: Node) -> Iterator[Term]:
    """What holds in one market only; a supply without markets speaks of all."""
    for supply in product.all("ProductSupply"):
        where = NOWHERE
        for market in supply.all("Market"):
            here = _territory(market, bars=True, required=False)
            yield from _restrictions(market, here)
            where = where.union(here)
        where = where or WORLD
        for detail in supply.all("MarketPublishingDetail"):
            if detail.value("MarketPublishingStatus") in OFF_SALE:
                yield Term(where, use="window")
            yield from _date_bars(detail, "Market", where)


def _date_bars(detail: Node, kind: str, where: Places) -> Iterator[Term]:
    for dated in detail.all(f"{kind}Date"):
        role = dated.value(f"{kind}DateRole")
        if role in {EMBARGO, ANNOUNCEMENT}:
            yield embargo(where, _when(dated)[1])
        elif role == WITHDRAWAL:
            yield Term(where, opens=_when(dated)[0], use="window")


def _restrictions(parent: Node, where: Places) -> Iterator[Term]:
    """Sales through others only: no licence for whoever reads this, for as long as it is said to last."""
    for found in parent.all("SalesRestriction"):
        if found.value("SalesRestrictionType") in FREE_RESTRICTIONS:
            continue
        start, end = next(found.all("StartDate"), None), next(found.all("EndDate"), None)
        opens: When = _date(start)[0] if start else float("-inf")
        closes: When = day_after(_date(end)[1]) if end else float("inf")  # both days are part of it
        yield Term(where, opens, closes, "window")


def _territory(parent: Node, *, bars: bool, required: bool = True) -> Places:
    included: list[str] = []
    excluded: list[str] = []
    node = next(parent.all("Territory"), None)
    if node is None:
        if required:
            raise parent.fault("it has no Territory; say where it holds")
        return NOWHERE
    for name in ("Countries", "Regions"):
        included += node.value(f"{name}Included").split()
        excluded += node.value(f"{name}Excluded").split()
    return territories(included, excluded, node.fault, bars=bars)


def _when(dated: Node) -> tuple[When, When]:
    """The first and the last moment that a date may mean: a month is its first day, and the first of the next."""
    node = next(dated.all("Date"), None)
    if node is None:
        raise dated.fault("it has no Date")
    if timed := _TIMED.fullmatch(node.text):
        year, month, day, hour, minute, second, zone = timed.groups()
        try:
            exact = moment(f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{zone or ''}")
        except ValueError:
            raise node.fault(f"{node.text!r:.40} is no time that exists") from None
        return exact, exact
    return _date(node, dated.value("DateFormat"))


def _date(node: Node, stated: str = "") -> tuple[date, date]:
    """A day, month or year of list 55 (00, 01, 05) as its first day and the day from which it has surely come."""
    text = node.text
    form = stated or node.attributes.get("dateformat", {4: "05", 6: "01"}.get(len(text), "00"))
    size = {"00": 8, "01": 6, "05": 4}.get(form)
    if size != len(text) or not (text.isascii() and text.isdigit()):
        raise node.fault(f"{text!r:.40} in date format {form!r:.10} is not read; write YYYYMMDD, YYYYMM or YYYY")
    try:
        first = date(int(text[:4]), int(text[4:6] or 1), int(text[6:8] or 1))
        if size == 8:
            return first, first
        return first, (first + timedelta(days=31)).replace(day=1) if size == 6 else date(first.year + 1, 1, 1)
    except (ValueError, OverflowError):
        raise node.fault(f"{text!r:.40} is no day that exists") from None
