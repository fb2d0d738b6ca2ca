"""Insert or update rows by id, in memory: catalogues and user lists, not logs."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.lake.schemas import conform
from recsys.types import BoolArray


@dataclass(frozen=True, eq=False)
class Upserted:
    """A table after an upsert, and how many of its rows differ from before."""

    table: pa.Table
    changed: int


def upsert(old: pa.Table, new: pa.Table, key: str) -> Upserted:
    """``old`` with the rows of ``new`` in place of those of the same key, or behind them.

    A column that ``new`` does not have stays as it was; a key that comes twice in ``new`` counts with its last row.
    """
    new = last_of_each(new, key)
    place = pc.index_in(new[key], value_set=pc.cast(old[key], new[key].type).combine_chunks())  # (new,) row in old
    known = np.asarray(place.is_valid())  # (new,)
    target = np.asarray(place.fill_null(0))[known]  # rows of old that are overwritten
    source = np.flatnonzero(known)
    differs = np.zeros(len(source), bool)
    columns: dict[str, pa.ChunkedArray] = {}
    for field in _union(old.schema, new.schema):
        before = _column(old, field)
        take = np.arange(len(old))
        if field.name in new.column_names:
            differs |= _differ(before.take(pa.array(target)), new[field.name].take(pa.array(source)))
            take[target] = len(old) + source
        take = np.append(take, len(old) + np.flatnonzero(~known))
        both = pa.chunked_array([*before.chunks, *_column(new, field).chunks], field.type)
        columns[field.name] = both.take(pa.array(take))
    return Upserted(pa.table(columns), int(differs.sum()) + int((~known).sum()))


def last_of_each(rows: pa.Table, key: str) -> pa.Table:
    """The last row of every key, in the order of their places."""
    keep = first_of_each(pc.take(rows[key], pa.array(np.arange(len(rows))[::-1])))[::-1]
    return rows if keep.all() else rows.filter(pa.array(keep))


def first_of_each(keys: pa.ChunkedArray) -> BoolArray:
    """(rows,) whether a key has not come before."""
    if pc.count_distinct(keys, mode="all").as_py() == len(keys):
        return np.ones(len(keys), bool)
    first = np.zeros(len(keys), bool)
    codes = np.asarray(pc.fill_null(keys.combine_chunks().dictionary_encode().indices, -1))
    first[np.unique(codes, return_index=True)[1]] = True
    return first


def _union(old: pa.Schema, new: pa.Schema) -> list[pa.Field]:
    return [*old, *(field for field in new if field.name not in old.names)]


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    return conform(table, pa.schema([field]))[field.name]


def _differ(a: pa.ChunkedArray, b: pa.ChunkedArray) -> BoolArray:
    """(rows,) whether the values are unlike; null is like null only, and NaN like NaN."""
    if pa.types.is_nested(a.type):
        pairs = zip(a.to_pylist(), b.to_pylist(), strict=True)
        return np.array([x != y and repr(x) != repr(y) for x, y in pairs], bool)  # the text of a list with NaN is equal
    null = pc.xor(a.is_null(), b.is_null())
    unlike = pc.not_equal(a, b)
    if pa.types.is_floating(a.type):
        unlike = pc.and_kleene(unlike, pc.invert(pc.and_kleene(pc.is_nan(a), pc.is_nan(b))))
    return np.asarray(pc.fill_null(pc.or_kleene(null, unlike), False), bool)
