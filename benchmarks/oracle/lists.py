"""What is wrong with a list: works that must not be there, and room for works that might be."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from benchmarks.oracle.editors import can_ask, is_personal, words
from benchmarks.oracle.judge import allowed, caps, unsafe, unwanted, withheld
from benchmarks.oracle.ledger import Ledger

Record = dict[str, Any]
PARTS = ("title", "artwork")


def faults(
    ledger: Ledger, ask: Record, pages: list[Record], *, every: bool = False, canary: bool = False
) -> list[Record]:
    """Every fault of the pages of one list.

    Each page has the ``items``, what their explanations name, ``because``, and what is ``told`` of each item.
    ``forbidden``: something that must not be shown. ``short``: fewer than k, while one more might stand there, which is
    the first that is found, or with ``every`` all of them. ``canary``: the request is of a canary's share.
    """
    before: set[str] = set()
    found: list[Record] = []
    for page in pages:
        found += [{"fault": "forbidden", **one} for one in _forbidden(ledger, ask, page, before, canary=canary)]
        missing = _short(ledger, ask, page, before, canary=canary)
        found += list(missing if every else islice(missing, 1))
        before |= set(page["items"])
    return found


def removals(ledger: Ledger, ask: Record, *, canary: bool) -> Counter[str]:
    """How many works are kept from a viewer by each kind of reason."""
    personal = is_personal(ledger, ask)
    whys = (
        unsafe(ledger, ask, item, canary=canary) or unwanted(ledger, ask, item, personal=personal)
        for item in ledger.items
    )
    return Counter(why.partition(":")[0] for why in whys if why)


def _forbidden(ledger: Ledger, ask: Record, page: Record, before: set[str], *, canary: bool) -> Iterator[Record]:
    personal, items = is_personal(ledger, ask), page["items"]
    for place, item in enumerate(items):
        why = unsafe(ledger, ask, item, canary=canary) or unwanted(ledger, ask, item, personal=personal)
        if why := why or ("shown on a page before" if item in before else ""):
            yield {"item": item, "why": why}
        else:
            yield from _told(ledger, ask, item, page["told"][place], canary=canary)
    for item in sorted({item for item in items if items.count(item) > 1}):
        yield {"item": item, "why": "twice in a list"}
    for item in sorted({name for row in page["because"] for name in row}):
        if why := _unnameable(ledger, ask, item, canary=canary) or ("" if personal else "opted out"):
            yield {"item": item, "why": f"named in an explanation: {why}"}
    if len(items) > ask["k"]:
        yield {"item": items[ask["k"]], "why": "more than k"}
    for name, limit in zip(("creator", "topic"), caps(ledger, ask, canary=canary), strict=True):
        groups = [_group(ledger, item, name) for item in items] if limit is not None else []
        for group in sorted({group for group in groups if group and groups.count(group) > (limit or 0)}):
            yield {"item": group, "why": f"more than {limit} of one {name}"}


def _told(ledger: Ledger, ask: Record, item: str, told: Record, *, canary: bool) -> Iterator[Record]:
    """A part that is withheld is shown in no words; any other as the record says, or as a campaign does now."""
    hidden = withheld(ledger, ask, item, canary=canary)
    for part in PARTS:
        shown, own = told.get(part), ledger.items[item].get(part)
        if shown is not None and part in hidden:
            yield {"item": item, "why": f"part withheld: {part}"}
        elif shown not in (None, own) and shown not in [one.get(part) for one in words(ledger, ask, item)]:
            yield {"item": item, "why": f"{part} of nobody: {shown}"}


def _unnameable(ledger: Ledger, ask: Record, item: str, *, canary: bool) -> str:
    """Why an explanation must not name a work; it says its title."""
    if why := unsafe(ledger, ask, item, canary=canary):
        return why
    if ask["user"] is not None and can_ask(ledger) and item in ledger.user(ask["user"])["hidden"]:
        return "hidden by the user"
    return "its title is withheld" if "title" in withheld(ledger, ask, item, canary=canary) else ""


def _short(ledger: Ledger, ask: Record, page: Record, before: set[str], *, canary: bool) -> Iterator[Record]:
    if len(page["items"]) >= ask["k"] or "everything" in ledger.failing:
        return
    personal = is_personal(ledger, ask)
    for item in allowed(ledger, ask, canary=canary):
        if item in before or item in page["items"] or unwanted(ledger, ask, item, personal=personal):
            continue
        if _fits(ledger, ask, item, page["items"], canary=canary):
            shown = len(page["items"])
            yield {"fault": "short", "item": item, "why": f"{shown} of {ask['k']} shown; this one might be too"}


def _fits(ledger: Ledger, ask: Record, item: str, items: list[str], *, canary: bool) -> bool:
    for name, limit in zip(("creator", "topic"), caps(ledger, ask, canary=canary), strict=True):
        group = _group(ledger, item, name)
        if group and limit is not None and sum(_group(ledger, one, name) == group for one in items) >= limit:
            return False
    return True


def _group(ledger: Ledger, item: str, name: str) -> str:
    field = "authors" if name == "creator" else ledger.pack.get("topic", "genres")
    given = ledger.items.get(item, {}).get(field) or [""]
    return str(given[0]).strip().casefold()
