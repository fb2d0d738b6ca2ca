"""What the winner shows: examples with titles, and how lists mix beside histories. No user id is read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset, Holdout
from recsys.models.recipe import Model
from recsys.types import IntArray

QUERIES = 1000  # asked for shares; examples are drawn from them
FIELDS = ("genres", "tags", "language", "media_type")  # the first that half of the works have
VALUES = 12  # of a field, the most frequent
WITH_HIT, WITHOUT, NEW = 3, 2, 1  # examples
NEWEST = 8  # works of a history that an example shows
SHORTEST = 3  # works of a history that an example needs


def observe(model: Model, holdout: Holdout, data: Dataset, *, k: int, seed: int) -> dict[str, Any]:
    """Ask ``model`` for lists of ``k`` works for a sample of a holdout's queries and describe them in plain values."""
    rng = np.random.default_rng(seed)
    size = min(QUERIES, len(holdout))
    chosen = np.sort(rng.permutation(len(holdout))[:size])
    queries = [holdout.queries[q] for q in chosen]
    ranked = model.top(queries, k, np.ones(data.n_items, np.bool_), [holdout.exclude[q] for q in chosen])
    shown = [row.items for row in ranked]
    truth = [holdout.truth[q] for q in chosen]
    histories = [query.items for query in queries]
    return {
        "queries": size,
        "k": k,
        "calibration": _calibration(data.catalogue, histories, shown, truth),
        "examples": _examples(data.catalogue, histories, shown, truth, rng),
    }


def _calibration(
    catalogue: Catalogue, histories: Sequence[IntArray], shown: Sequence[IntArray], truth: Sequence[IntArray]
) -> dict[str, Any] | None:
    """The mean share of each value of a field in histories, in what was liked next and in lists (Steck 2018)."""
    field = next((name for name in FIELDS if _known(catalogue, name) >= 0.5), None)
    has = [place for place, history in enumerate(histories) if len(history)]
    if field is None or not has:
        return None
    names, shares = _shares(catalogue, field)
    sides = [_mean([side[q] for q in has], shares) for side in (histories, truth, shown)]
    top = np.argsort(-sides[0], kind="stable")[:VALUES]
    rows = [
        {"value": names[v], "history": float(sides[0][v]), "liked": float(sides[1][v]), "shown": float(sides[2][v])}
        for v in top
    ]
    return {"field": field, "queries": len(has), "rows": rows}


def _known(catalogue: Catalogue, field: str) -> float:
    values = catalogue.column(field)
    return sum(bool(value) for value in values) / max(len(values), 1)


def _values(catalogue: Catalogue, field: str) -> list[list[str]]:
    """The values of a field for every item, as lists."""
    return [
        list(dict.fromkeys(value)) if isinstance(value, list) else [value] if value else []
        for value in catalogue.column(field)
    ]


def _shares(catalogue: Catalogue, field: str) -> tuple[list[str], sp.csr_matrix]:
    """Names of a field's values, and (items, values) an item's weight spread evenly over its values."""
    values = _values(catalogue, field)
    names = sorted({one for row in values for one in row})
    number = {name: place for place, name in enumerate(names)}
    rows = [(item, number[one], 1 / len(row)) for item, row in enumerate(values) for one in row]
    item, value, weight = zip(*rows, strict=True) if rows else ((), (), ())
    return names, sp.csr_matrix((weight, (item, value)), shape=(len(values), len(names)), dtype=np.float64)


def _mean(lists: Sequence[IntArray], shares: sp.csr_matrix) -> Any:
    """(values,) the mean over lists of the shares within each list; lists of unknown values are left out."""
    lengths = [len(row) for row in lists]
    member = sp.csr_matrix(
        (np.ones(sum(lengths)), (np.repeat(np.arange(len(lists)), lengths), np.concatenate(lists))),
        shape=(len(lists), shares.shape[0]),
    )
    total = (member @ shares).toarray()  # (lists, values)
    weight = total.sum(axis=1, keepdims=True)
    known = weight[:, 0] > 0
    return (total[known] / weight[known]).mean(axis=0) if known.any() else np.zeros(shares.shape[1])


def _examples(
    catalogue: Catalogue,
    histories: Sequence[IntArray],
    shown: Sequence[IntArray],
    truth: Sequence[IntArray],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Drawn at random: some queries where something was hit, some where nothing was, and one without a history."""
    order = rng.permutation(len(shown)).tolist()
    hit = {q: set(shown[q].tolist()) & set(truth[q].tolist()) for q in order}
    known = [q for q in order if len(histories[q]) >= SHORTEST]
    chosen = [q for q in known if hit[q]][:WITH_HIT]
    chosen += [q for q in known if not hit[q]][:WITHOUT]
    chosen += [q for q in order if not len(histories[q])][:NEW]
    return [
        {
            "history": [_work(catalogue, item) for item in histories[q][-NEWEST:][::-1].tolist()],
            "history_length": len(histories[q]),
            "shown": [{**_work(catalogue, item), "hit": item in hit[q]} for item in shown[q].tolist()],
            "liked": len(truth[q]),
            "missed": [_work(catalogue, item) for item in truth[q].tolist() if item not in hit[q]][:NEWEST],
        }
        for q in chosen
    ]


def _work(catalogue: Catalogue, item: int) -> dict[str, str]:
    """A work as a person knows it: its title, else its id, and what else is told in a word."""
    record = catalogue.record(item)
    title = str(record.get("title") or record["item_id"])
    year = record.get("year")
    about = [str(year)] if year is not None and str(year) not in title else []
    about += [str(value) for value in (record.get("genres") or [])[:3]]
    return {"title": title, "about": ", ".join(about)}
