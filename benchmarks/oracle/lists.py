"""What is wrong with a list: works that must not be there, and room for works that might be."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from benchmarks.oracle.editors import can_ask, is_personal
from benchmarks.oracle.judge import caps, unsafe, unwanted
from benchmarks.oracle.ledger import Ledger

Record = dict[str, Any]


def faults(ledger: Ledger, ask: Record, pages: list[Record], *, every: bool = False) -> list[Record]:
    """Every fault of the pages of one list; each page has the ``items`` and what their explanations name, ``because``.

    ``forbidden``: an item that must not be shown. ``short``: fewer than k, while one more might stand there, which is
    the first that is found, or with ``every`` all of them.
    """
    personal = is_personal(ledger, ask)
    before: set[str] = set()
    found: list[Record] = []
    for page in pages:
        found += _forbidden(ledger, ask, page, before, personal=personal)
        missing = _short(ledger, ask, page, before, personal=personal)
        found += list(missing if every else islice(missing, 1))
        before |= set(page["items"])
    return found


def _forbidden(ledger: Ledger, ask: Record, page: Record, before: set[str], *, personal: bool) -> list[Record]:
    found = []
    items = page["items"]
    for item in items:
        why = unsafe(ledger, ask, item) or unwanted(ledger, ask, item, personal=personal)
        why = why or ("shown on a page before" if item in before else "")
        if why:
            found.append({"fault": "forbidden", "item": item, "why": why})
    twice = sorted({item for item in items if items.count(item) > 1})
    found += [{"fault": "forbidden", "item": item, "why": "twice in a list"} for item in twice]
    for item in sorted({name for row in page["because"] for name in row}):
        hidden = ask["user"] is not None and can_ask(ledger) and item in ledger.user(ask["user"])["hidden"]
        why = unsafe(ledger, ask, item) or ("hidden by the user" if hidden else "")
        if why or not personal:
            found.append({"fault": "forbidden", "item": item, "why": f"named in an explanation: {why or 'opted out'}"})
    if len(items) > ask["k"]:
        found.append({"fault": "forbidden", "item": items[ask["k"]], "why": "more than k"})
    for name, limit in zip(("creator", "topic"), caps(ledger, ask), strict=True):
        groups = [_group(ledger, item, name) for item in items]
        over = sorted({group for group in groups if group and limit is not None and groups.count(group) > limit})
        found += [{"fault": "forbidden", "item": group, "why": f"more than {limit} of one {name}"} for group in over]
    return found


def _short(ledger: Ledger, ask: Record, page: Record, before: set[str], *, personal: bool) -> Iterator[Record]:
    if len(page["items"]) >= ask["k"] or "everything" in ledger.failing:
        return
    for item in ledger.items:
        if item in before or item in page["items"]:
            continue
        if unwanted(ledger, ask, item, personal=personal) or unsafe(ledger, ask, item):
            continue
        if _fits(ledger, ask, item, page["items"]):
            shown = len(page["items"])
            yield {"fault": "short", "item": item, "why": f"{shown} of {ask['k']} shown; this one might be too"}


def _fits(ledger: Ledger, ask: Record, item: str, items: list[str]) -> bool:
    for name, limit in zip(("creator", "topic"), caps(ledger, ask), strict=True):
        group = _group(ledger, item, name)
        if group and limit is not None and sum(_group(ledger, one, name) == group for one in items) >= limit:
            return False
    return True


def _group(ledger: Ledger, item: str, name: str) -> str:
    field = "authors" if name == "creator" else ledger.pack.get("topic", "genres")
    given = ledger.items.get(item, {}).get(field) or [""]
    return str(given[0]).strip().casefold()
