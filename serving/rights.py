"""From the works of a rights document to the items of this installation."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recsys.errors import ConfigError, DataError
from recsys.safety import Takedown
from recsys.safety.rights import FORBIDDEN, WORLD, Entry, Rights, Term, from_item, joined, only, same
from recsys.safety.takedown import withheld

_Index = dict[tuple[str, str], list[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do."""

    records: int  # works that the documents speak of
    matched: int  # of these, how many are known here
    rights: Mapping[str, Rights]  # by item id
    takedowns: Mapping[str, str]  # by item id: where the document says so
    unknown: tuple[str, ...]  # works that no item here answers to
    silent: tuple[str, ...]  # works of which nothing is said, so that they may be shown nowhere


def plan(entries: Iterable[Entry], items: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]) -> Plan:
    """Find the items of each entry: by item id, or by the columns of ``keys`` (scheme → column)."""
    index = _index(items, keys)
    found: dict[str, list[Entry]] = {}
    unknown, silent, takedowns, records, matched = [], [], {}, 0, 0
    for entry in entries:
        records += 1
        ids = _items(entry, index, items, keys)
        matched += bool(ids)
        if not ids:
            unknown.append(f"{_name(entry)} ({entry.where})")
        if entry.silent:
            silent.append(f"{_name(entry)} ({entry.where})")
        for item_id in ids:
            found.setdefault(item_id, []).append(entry)
            if entry.takedown:
                takedowns[item_id] = entry.where
    rights = {item_id: joined(several) for item_id, several in found.items()}
    return Plan(records, matched, rights, takedowns, tuple(unknown), tuple(silent))


def parse_keys(given: Iterable[str]) -> dict[str, str]:
    """``isbn=column`` as scheme → column."""
    keys = {}
    for text in given:
        scheme, sign, column = text.partition("=")
        if not sign or not scheme.strip() or not column.strip():
            raise ConfigError(f"--key {text!r:.60} is not understood; write SCHEME=COLUMN, as isbn=isbn.")
        keys[scheme.strip().lower()] = column.strip()
    return keys


def _index(items: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]) -> _Index:
    if not keys:  # an item's id may be an ISBN in another way of writing it
        return {("isbn", same("isbn", item_id)): [item_id] for item_id in items}
    index: _Index = {}
    for item_id, record in items.items():
        for scheme, column in keys.items():
            value = record.get(column)
            for one in value if isinstance(value, list | tuple) else [value]:
                if one is not None:
                    index.setdefault((scheme, same(scheme, str(one))), []).append(item_id)
    return index


def _items(
    entry: Entry, index: _Index, items: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]
) -> tuple[str, ...]:
    hits = [item_id for scheme, value in entry.ids for item_id in index.get((scheme, same(scheme, value)), ())]
    exact = [] if keys else [value for _, value in entry.ids if value in items]
    return tuple(dict.fromkeys(exact + hits))


def _name(entry: Entry) -> str:
    scheme, value = entry.ids[0]
    return f"{scheme} {value:.80}"


def rights_of(
    records: Mapping[str, Mapping[str, Any]], documents: Mapping[str, Rights], orders: Iterable[Takedown] = ()
) -> Iterator[tuple[str, Rights]]:
    """The rights of each item by its record, what documents say of it, and takedowns; garbage forbids its item."""
    places = withheld(orders)
    for item_id, record in records.items():
        try:
            plain = from_item(record)
        except DataError:
            plain = FORBIDDEN
        rights = documents[item_id].narrowed(plain) if item_id in documents else plain
        for territory in places.get(item_id, ()):
            where = WORLD if territory is None else only(territory)
            rights = replace(rights, bars=(*rights.bars, Term(where, use="territory")))
        yield item_id, rights
