"""Erasure: no file of any version still holds the user."""

import json
import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from recsys.lake.commit import commit
from recsys.types import BoolArray


def erase_users(table: DeltaTable, user_ids: Sequence[str]) -> int:
    """Rewrite the table without the rows of these users, delete all files it no longer needs; rows removed.

    A rewrite, because a Delta delete would write its predicate, and with it the ids, into the log.
    """
    rows = table.to_pyarrow_dataset()
    if "user_id" not in rows.schema.names:
        return 0
    columns = [name for name in ("user_id", "record") if name in rows.schema.names]
    removed = sum(int(_held(batch, user_ids).sum()) for batch in rows.to_batches(columns=columns))
    if removed:
        commit(table, pa.schema(rows.schema), _others(rows, user_ids), whole=True)
    # full: also what a killed writer left, which no version knows of
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    return removed


def _others(rows: "pa.dataset.Dataset", user_ids: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for batch in rows.to_batches():
        yield batch.filter(pa.array(~_held(batch, user_ids)))


def _held(batch: pa.RecordBatch, user_ids: Sequence[str]) -> BoolArray:
    """(rows,) whether a row is of one of the users; a record whose user cannot be read goes if it mentions an id."""
    user = batch.column("user_id")
    held = np.array(pc.is_in(user, value_set=pa.array(user_ids, user.type)), bool)
    if "record" in batch.schema.names:
        unread = np.asarray(user.is_null(), bool)
        for user_id in user_ids:
            word = rf"(^|\W){re.escape(json.dumps(user_id, ensure_ascii=False)[1:-1])}(\W|$)"
            mentions = pc.fill_null(pc.match_substring_regex(batch.column("record"), word), False)
            held |= unread & np.asarray(mentions, bool)
    return held
