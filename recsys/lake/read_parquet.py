"""Parquet files, streamed row group by row group."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.lake.read import CHUNK, Chunk, open_bytes, unreadable


class ParquetSource:
    """A Parquet file; a compressed one is unpacked into an unnamed temporary file first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path if path.suffix.lower() == ".parquet" else _unpacked(path))
        except (pa.ArrowException, OSError) as error:
            raise unreadable(path, error) from None
        self.types: Mapping[str, pa.DataType] = {field.name: field.type for field in self._file.schema_arrow}

    def chunks(self) -> Iterator[Chunk]:
        """All records in chunks."""
        row = 1
        batches = self._file.iter_batches(batch_size=CHUNK)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise unreadable(self._path, error) from None
            if batch is None:
                return
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield Chunk(np.arange(row, row + len(batch)), columns, _Records(batch))
            row += len(batch)


class _Records:
    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch

    def __call__(self, index: int) -> str:
        record: dict[str, Any] = self._batch.slice(index, 1).to_pylist()[0]
        return json.dumps(record, ensure_ascii=False, default=str)


def _unpacked(path: Path) -> pa.PythonFile:
    target = tempfile.TemporaryFile()  # noqa: SIM115  the Parquet reader keeps it open
    with open_bytes(path) as source:
        shutil.copyfileobj(source, target)
    target.seek(0)
    return pa.PythonFile(target, mode="r")
