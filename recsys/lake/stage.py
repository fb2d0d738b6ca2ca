"""A checked file, kept in unnamed temporary files until it is written to the lake: they vanish with the process."""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import DataError
from recsys.lake.checks import Bad, Layout, check, row_ids
from recsys.lake.read import Source, file_sha256
from recsys.lake.schemas import QUARANTINE_FIELDS

_QUARANTINE = pa.schema(list(QUARANTINE_FIELDS.items()))


@dataclass(frozen=True, eq=False)
class Staged:
    """One file, ready to be written: its good rows, its bad rows, and their numbers."""

    good: pq.ParquetFile
    bad: pq.ParquetFile
    read: int
    reasons: Counter[str]


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all files of one ingest."""

    strict: bool
    now: datetime  # aware, UTC
    progress: Callable[[str, int], None]  # table, records read since the last call


class _Spool:
    """A Parquet file without a name, first written and then read."""

    def __init__(self, schema: pa.Schema) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as its reader
        self._writer = pq.ParquetWriter(pa.PythonFile(self._file, mode="w"), schema, compression="zstd")
        self.add = self._writer.write_table

    def reader(self) -> pq.ParquetFile:
        self._writer.close()
        self._file.seek(0)
        return pq.ParquetFile(pa.PythonFile(self._file, mode="r"))


def stage(path: Path, source: Source, plan: Layout, terms: Terms) -> Staged:
    """Read and check a whole file. Raises DataError where it has no rows, and for the first bad row if strict."""
    sha = file_sha256(path)
    good, bad = _Spool(plan.schema), _Spool(_QUARANTINE)
    read = 0
    reasons: Counter[str] = Counter()
    for chunk in source.chunks():
        checked = check(plan, chunk, sha=sha, now=terms.now.timestamp())
        if checked.bad and terms.strict:
            first = checked.bad[0]
            raise DataError(
                f"{path}, row {first.row}: {first.reason}. Nothing was ingested; correct the row, "
                "or leave --strict out to put such rows into the quarantine table."
            )
        good.add(checked.good)
        if checked.bad:
            bad.add(_quarantine(checked.bad, path, sha, plan.table, terms.now))
            reasons.update(row.reason for row in checked.bad)
        records = len(chunk.rows) + len(chunk.malformed)
        read += records
        terms.progress(plan.table, records)
    if read == 0:
        raise DataError(f"{path} has no rows; give a file with rows or leave it out.")
    return Staged(good.reader(), bad.reader(), read, reasons)


def _quarantine(rows: list[Bad], path: Path, sha: str, table: str, now: datetime) -> pa.Table:
    return pa.table(
        {
            "row_id": row_ids(f"{table}:{sha}", [row.row for row in rows]),
            "table": [table] * len(rows),
            "file": [str(path)] * len(rows),
            "row": [row.row for row in rows],
            "reason": [row.reason for row in rows],
            "user_id": [row.user_id for row in rows],
            "record": [row.record for row in rows],
            "ingested_at": [now] * len(rows),
        },
        schema=_QUARANTINE,
    )
