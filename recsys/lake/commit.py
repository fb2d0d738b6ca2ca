"""One change of one Delta table: committed only on top of the version it was computed from, and tried again if late."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from recsys.errors import RecsysError, StoreError

T = TypeVar("T")

TRIES = 40
SETTINGS = {
    "delta.dataSkippingNumIndexedCols": "0",  # statistics would write the smallest and largest user id into the log
    "delta.enableExpiredLogCleanup": "false",  # a version that a run was trained on stays readable
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}


def commit(
    target: str | DeltaTable,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    whole: bool,
    description: str | None = None,
) -> None:
    """Make a table at a URI, or add rows to an opened one (``whole``: put them in the place of its rows).

    A new table has ``description`` in its metadata, and keeps it.
    Raises CommitFailedError if anybody else committed since ``target`` was opened. Errors of ``batches`` pass through.
    """
    new = isinstance(target, str)
    failed: list[RecsysError] = []
    reader = pa.RecordBatchReader.from_batches(schema, _watched(batches, failed))
    try:
        write_deltalake(
            target,
            reader,
            mode="error" if new else "overwrite" if whole else "append",
            schema_mode=None if new else "overwrite" if whole else "merge",
            configuration=SETTINGS if new else None,
            description=description if new else None,
            writer_properties=WriterProperties(compression="ZSTD"),
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except Exception as error:  # what a batch raises comes back through Rust as one class or another
        if failed:
            raise failed[0] from None
        if new and isinstance(error, DeltaError) and "already exists" in str(error):
            raise CommitFailedError(str(error)) from None
        raise


def retried(change: Callable[[], T], what: str) -> T:
    """The result of ``change``, computed anew after every lost race; StoreError after many."""
    for attempt in range(TRIES):
        try:
            return change()
        except CommitFailedError:
            time.sleep(random.random() * min(1.0, 0.02 * 2**attempt))
    raise StoreError(f"Other writers changed {what} {TRIES} times before this one; try again when it is quieter.")


def _watched(batches: Iterable[pa.RecordBatch], failed: list[RecsysError]) -> Iterator[pa.RecordBatch]:
    """The same batches; an error is kept, because it crosses into Rust and comes back as plain text."""
    try:
        yield from batches
    except RecsysError as error:
        failed.append(error)
        raise
