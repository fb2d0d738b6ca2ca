"""Small data sets in one line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset, Holdout
from recsys.dataset.ids import IdMap

AT = 1_700_000_000.0  # s UTC: the moment that day 0 is


def dataset(
    events: Sequence[Sequence[Any]],
    *,
    items: Sequence[str] | Sequence[Mapping[str, Any]] = (),
    users: Sequence[str] = (),
    profiles: Mapping[str, Mapping[str, str]] | None = None,
    returns: bool = False,
) -> Dataset:
    """A data set of events (user, item, day[, weight[, positive]]); day 0 is its newest moment, None is no time.

    Ids are sorted; ``items`` and ``users`` name further ones. Items given as dicts become the catalogue's fields.
    """
    rows = [(e[0], e[1], e[2], *(e[3:4] or (1.0,)), *(e[4:5] or (True,))) for e in events]
    records = [dict(r) if isinstance(r, Mapping) else {"item_id": r} for r in items]
    given = {r["item_id"] for r in records}
    records += [{"item_id": name} for name in {e[1] for e in rows} - given]
    catalogue = Catalogue.from_records(sorted(records, key=lambda r: r["item_id"]))
    names = IdMap(sorted({*users, *(e[0] for e in rows)}))
    # a stable sort keeps events without times in the order given
    rows.sort(key=lambda e: (names.get(e[0]), -np.inf if e[2] is None else e[2]))
    return Dataset(
        users=names,
        catalogue=catalogue,
        user=np.array([names.get(e[0]) for e in rows], np.int32),
        item=np.array([catalogue.ids.get(e[1]) for e in rows], np.int32),
        time=np.array([np.nan if e[2] is None else AT + e[2] * 86_400 for e in rows], np.float64),
        weight=np.array([e[3] for e in rows], np.float32),
        positive=np.array([e[4] for e in rows], np.bool_),
        profiles=profiles or {},
        at=AT if any(e[2] is not None for e in rows) else float("nan"),
        returns=returns,
    )


def holdout(data: Dataset, truth: Mapping[str, Sequence[str]]) -> Holdout:
    """What each named user of ``data`` liked next; their histories in ``data`` are the queries and are excluded."""
    users = data.users.dense(truth)
    return Holdout(
        users=users,
        queries=[data.query(u) for u in users],
        truth=[np.sort(data.catalogue.ids.dense(wanted)) for wanted in truth.values()],
        exclude=[data.seen(u) for u in users],
        seen_items=np.bincount(data.item, minlength=data.n_items) > 0,
    )


def checkerboard(users: int = 24, items: int = 24, gap: int = 5) -> Dataset:
    """Even users had the even items, odd users the odd ones, each without every ``gap``-th: the right answer is known.

    Cell (u, i) of the user's own colour is empty where (u + i) / 2 is a multiple of ``gap``. Each item belongs to one
    genre a colour, and events are a day apart, ending at day 0.
    """
    colour = ("even", "odd")
    events = [
        (f"u{u:02}", f"i{i:02}", float((i * 7 + u) % items + 1 - items))
        for u in range(users)
        for i in range(u % 2, items, 2)
        if (u + i) // 2 % gap
    ]
    records = [
        {"item_id": f"i{i:02}", "title": f"{colour[i % 2]} {i}", "genres": [colour[i % 2]]} for i in range(items)
    ]
    return dataset(events, items=records)
