"""EMA and MDDF Avails: the spreadsheet (1.6 and later) and the XML (2.x).

A row or transaction grants one list of territories for one time. Start and end are moments: a date without a time is
the first moment of that day by the territory's clock, also as an end. Before SuppressionLiftDate or AnnounceDate a
title is not to be announced there at all, whatever another row of it says.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from recsys.errors import DataError
from recsys.safety.rights.documents import Node, nodes
from recsys.safety.rights.entry import Entry, bounded, embargo, territories
from recsys.safety.rights.form import moment
from recsys.safety.rights.local import When
from recsys.safety.rights.places import Places
from recsys.safety.rights.record import Rights, Term
from recsys.safety.rights.sheets import Row

PREORDER = "POEST"
REST = "ROW"  # rest of world: wherever no other row of the title says something
AT_ONCE, OPEN = "immediate", "open"
LIFTS = ("SuppressionLiftDate", "AnnounceDate")
_FIELDS = ("EntryType", "LicenseType", "Start", "End", *LIFTS)
EXCLUDED = ("TerritoryExclusion", "TerritoryExcluded", "ExcludedTerritory")
_LEVELS = {"series": "Series", "season": "Season", "episode": "Episode", "volume": "Volume"}
_LEVEL = "(?:Series|Season|Episode|Volume)"
_ID = re.compile(f"(?:{_LEVEL}?(?:Content|Alt|Title|Edit|Product|Encode)ID|{_LEVEL}ID|ALID|UV_ID)")  # not of contracts
_TITLE = ("contentid", "episodecontentid", "seasoncontentid", "seriescontentid", "episodeid", "titleid", "alid")
_SERIAL = re.compile(r"(\d{5,6})(\.\d+)?", re.ASCII)  # a day, and a part of it, as spreadsheets count them


@dataclass(frozen=True, slots=True)
class _Avail:
    """A row or transaction, as text."""

    ids: tuple[tuple[str, str], ...]
    fields: Mapping[str, str]  # of _FIELDS
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    where: str

    def fault(self, problem: str) -> DataError:
        return DataError(f"{self.where}: {problem}.")

    @property
    def title(self) -> tuple[tuple[str, str], ...]:
        """The identifiers by which rows belong together: all of the first scheme that tells titles apart."""
        schemes = {scheme for scheme, _ in self.ids}
        chosen = next((scheme for scheme in _TITLE if scheme in schemes), self.ids[0][0])
        return tuple(pair for pair in self.ids if pair[0] == chosen)

    @property
    def deleted(self) -> bool:
        """Whether it says that an earlier one holds no more."""
        return "delete" in self.fields.get("EntryType", "").lower()


def read_avails_rows(rows: Iterator[Row], name: str) -> Iterator[Entry]:
    """One entry a title of a spreadsheet. DataError names file, row and column."""
    header: list[str] = []
    sheet: str | None = None
    avails: list[_Avail] = []
    found = False
    for row in rows:
        if row.sheet != sheet:
            header, sheet = [], row.sheet
        names = [cell.rpartition(":")[2].strip() for cell in row.cells]
        if {"Territory", "Start"} <= set(names):
            header, found = names, True
        elif header and any(row.cells) and not row.cells[0].startswith("//"):
            where = f"{name}, {f'{row.sheet}, ' if row.sheet else ''}row {row.number}"
            avails.append(_from_row(dict(zip(header, row.cells, strict=False)), where))
    if not found:
        raise DataError(f"{name} has no row with the column names Territory and Start; is it an Avails list?")
    yield from _entries(avails, name)


def read_avails_xml(file: BinaryIO, name: str) -> Iterator[Entry]:
    """One entry a title of an AvailList. DataError names file, line and element."""
    avails: list[_Avail] = []
    for node in nodes(file, name, {"Avail"}):
        if node.name == "Avail":
            avails += _from_node(node)
        elif node.name != "AvailList":
            raise node.fault("this is no Avails document, whose root is AvailList")
    yield from _entries(avails, name)


def _from_row(cells: Mapping[str, str], where: str) -> _Avail:
    level = _LEVELS.get(cells.get("WorkType", "").strip().lower(), "")
    others = tuple(name for name in _LEVELS.values() if name != level)
    ids = tuple(
        (column.lower(), value.strip())
        for column, value in cells.items()
        if _ID.fullmatch(column) and value.strip() and not column.startswith(others)
    )
    if not ids:
        raise DataError(
            f"{where}: no identifier is given; fill ContentID, ALID, EditID or another column that names the title."
        )
    excluded = next((cells[name] for name in EXCLUDED if cells.get(name)), "")
    fields = {name: cells.get(name, "") for name in _FIELDS}
    return _Avail(ids, fields, _codes(cells.get("Territory", "")), _codes(excluded), where)


def _from_node(avail: Node) -> Iterator[_Avail]:
    ids = [("alid", avail.value("ALID"))]
    for asset in avail.all("Asset"):
        ids.append(("contentid", asset.attributes.get("contentID", "")))
        ids += [(child.name.lower(), child.text) for child in asset.children if child.name.endswith(("ID", "EIDR-S"))]
    known = tuple(dict.fromkeys((scheme, value) for scheme, value in ids if value))
    if not known:
        raise avail.fault("it has no ALID and no Asset with a contentID")
    deleted = avail.value("Disposition", "EntryType")
    if next(avail.all("Transaction"), None) is None:
        yield _Avail(known, {"EntryType": "Delete"}, ("WW",), (), avail.where)  # offered nowhere
    for deal in avail.all("Transaction"):
        terms = {term.attributes.get("termName", ""): term.value("Event") for term in deal.all("Term")}
        fields = {
            "EntryType": deleted,
            "LicenseType": deal.value("LicenseType"),
            "Start": deal.value("Start") or deal.value("StartCondition"),
            "End": deal.value("End") or deal.value("EndCondition"),
            **{name: terms[name] for name in LIFTS if name in terms},
        }
        excluded = tuple(code for name in EXCLUDED for node in deal.all(name) for code in _places(node))
        included = tuple(code for node in deal.all("Territory") for code in _places(node))
        yield _Avail(known, fields, included or (("WW",) if deal.value("AllTerritories") else ()), excluded, deal.where)


def _places(node: Node) -> Iterator[str]:
    """A territory is a country, or a part of one by ISO 3166-2; as text in old versions."""
    found = [child.text for name in ("country", "countryRegion") for child in node.all(name)]
    yield from (text for text in (*found, node.text) if text)


def _codes(cell: str) -> tuple[str, ...]:
    return tuple(code for code in re.split(r"[,;|\s]+", cell.strip()) if code)


def _entries(avails: Sequence[_Avail], document: str) -> Iterator[Entry]:
    titles: dict[tuple[tuple[str, str], ...], list[_Avail]] = {}
    for avail in avails:
        titles.setdefault(avail.title, []).append(avail)
    for rows in titles.values():
        ids = tuple(dict.fromkeys(found for row in rows for found in row.ids))
        said = [row for row in rows if not row.deleted]
        named = tuple(dict.fromkeys(code for row in said if not _is_rest(row) for code in row.included))
        grants = tuple(term for row in said for term in _grants(row, _where(row, named)))
        bars = tuple(term for row in said for term in _bars(row, _where(row, named, bars=True)))
        yield Entry(ids, bounded(Rights(grants, bars, "avails", document), rows[0].where), rows[0].where)


def _where(row: _Avail, named: tuple[str, ...], *, bars: bool = False) -> Places:
    """Where a row holds; the rest of the world is wherever no row of the title is ``named`` for."""
    if not row.included:
        raise row.fault("Territory is empty; give ISO 3166-1 alpha-2 codes, WW or ROW")
    if not _is_rest(row):
        return territories(row.included, row.excluded, row.fault, bars=bars)
    if len(row.included) > 1:
        raise row.fault("Territory has ROW beside others; give it a row of its own")
    return territories(["WORLD"], (*named, *row.excluded), row.fault, bars=bars)


def _grants(row: _Avail, where: Places) -> Iterator[Term]:
    kind = row.fields.get("LicenseType", "").strip()[:100]
    if where and kind.upper() != PREORDER:
        yield Term(where, _time(row, "Start", AT_ONCE, -math.inf), _time(row, "End", OPEN, math.inf), kind)


def _bars(row: _Avail, where: Places) -> Iterator[Term]:
    for name in LIFTS:
        if row.fields.get(name, "").strip():
            yield embargo(where, _moment(row, name))


def _is_rest(row: _Avail) -> bool:
    return any(code.upper() == REST for code in row.included)


def _time(row: _Avail, name: str, word: str, when: float) -> When:
    """Start or end: a time, or the word that stands for none. An empty end is open, an empty start is a mistake."""
    text = row.fields.get(name, "").strip()
    if text.lower() == word or (not text and name == "End"):
        return when
    return _moment(row, name)


def _moment(row: _Avail, name: str) -> When:
    text = row.fields.get(name, "").strip()
    try:
        if not (counted := _SERIAL.fullmatch(text)):
            return moment(text)
        day = date(1899, 12, 30) + timedelta(days=int(counted[1]))
        seconds = round(float(counted[2] or 0) * 86_400)
        return datetime.combine(day, time()) + timedelta(seconds=seconds) if seconds else day
    except (ValueError, OverflowError):
        raise row.fault(f"{name} {text!r:.40} is no time; write 2027-01-31 or 2027-01-31T09:00:00+01:00") from None
