"""CSV and TSV files with a header; every value is text, an empty one is null."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.errors import DataError
from recsys.lake.read import CHUNK, Chunk, Malformed, content_suffix, open_bytes, unreadable

LONGEST = 1 << 24  # characters of one field; what is longer is taken for a quote that is not closed


class CsvSource:
    """A CSV file in UTF-8, comma-separated (.tsv: by tabs), quoted with ``"``.

    A quote that is not closed would swallow the rows behind it, so it is a DataError and no malformed record.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        header = next(self._records(), None)
        if not header:
            raise DataError(f"{path} has no header line; the first line must name the columns.")
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if twice:
            raise DataError(f"{path} names the column {twice[0]!r} twice; rename one of them.")
        self._header = header
        self.types: Mapping[str, pa.DataType] = dict.fromkeys(header, pa.string())

    def chunks(self) -> Iterator[Chunk]:
        """All records in chunks; lines of another width than the header are malformed."""
        records = self._records()
        next(records)
        good: list[list[str]] = []
        rows: list[int] = []
        malformed: list[Malformed] = []
        for row, record in enumerate(records, start=1):
            reason = self._fault(record)
            if reason is None:
                good.append(record)
                rows.append(row)
            else:
                malformed.append(Malformed(row, reason, _text({"fields": record})))
            if len(good) + len(malformed) == CHUNK:
                yield self._chunk(rows, good, malformed)
                good, rows, malformed = [], [], []
        if good or malformed:
            yield self._chunk(rows, good, malformed)

    def _chunk(self, rows: list[int], good: list[list[str]], malformed: list[Malformed]) -> Chunk:
        values = zip(*good, strict=True) if good else [()] * len(self._header)
        columns = {
            name: pa.array([value or None for value in column], pa.string())
            for name, column in zip(self._header, values, strict=True)
        }
        return Chunk(
            np.array(rows, np.int64),
            columns,
            lambda index: _text(dict(zip(self._header, good[index], strict=True))),
            malformed,
        )

    def _fault(self, record: list[str]) -> str | None:
        if len(record) != len(self._header):
            return "another number of fields than the header"
        try:
            "".join(record).encode()  # what UTF-8 could not decode came in as lone surrogates
        except UnicodeEncodeError:
            return "not UTF-8"
        return None

    def _records(self) -> Iterator[list[str]]:
        """Header and records as they come; blank lines are not records."""
        delimiter = "\t" if content_suffix(self._path) == ".tsv" else ","
        row = line = 0  # of the record before the one that is read
        csv.field_size_limit(max(LONGEST, csv.field_size_limit()))  # the only way to set it is for the whole process
        try:
            with (
                open_bytes(self._path) as raw,
                io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="") as text,
            ):
                reader = csv.reader(text, delimiter=delimiter, strict=True)
                for record in reader:
                    line = reader.line_num
                    if record:
                        yield record
                        row += 1
        except csv.Error as error:
            where = f"row {row}" if row else "header"
            raise DataError(
                f"{self._path}, {where} (line {line + 1}): {error}; look for a quote that is not closed."
            ) from None
        except (OSError, pa.ArrowException, EOFError) as error:
            raise unreadable(self._path, error) from None


def _text(record: object) -> str:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode()
