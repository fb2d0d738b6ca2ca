"""Log files as chunks of columns: Parquet, CSV and JSON lines, plain or compressed (.gz, .zst).

Readers know nothing of what the columns mean. A record that is no record at all (a broken line) is reported with its
number and its text; a file that cannot be read to its end is a DataError, because what is missing cannot be counted.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.errors import DataError

Column: TypeAlias = "pa.Array | list[Any]"  # a list where one Arrow type does not hold all values
CHUNK = 65_536  # records


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that could not be taken apart."""

    row: int  # from 1; a header is not counted
    reason: str
    record: str  # JSON


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Consecutive records of a file, column by column."""

    rows: NDArray[np.int64]  # (records,) from 1; a header is not counted
    columns: Mapping[str, Column]  # each (records,)
    record: Callable[[int], str]  # the original of the i-th record as JSON
    malformed: Sequence[Malformed] = field(default=())


class Source(Protocol):
    """An opened file."""

    types: Mapping[str, pa.DataType]  # by column, in the file's order

    def chunks(self) -> Iterator[Chunk]: ...


def open_source(path: Path) -> Source:
    """The reader for a file, by its name. Raises DataError for a missing, empty or unknown file."""
    from recsys.lake.read_csv import CsvSource
    from recsys.lake.read_json import JsonSource
    from recsys.lake.read_parquet import ParquetSource

    kinds: dict[str, Callable[[Path], Source]] = {
        ".parquet": ParquetSource,
        ".csv": CsvSource,
        ".tsv": CsvSource,
        ".jsonl": JsonSource,
        ".ndjson": JsonSource,
        ".json": JsonSource,
    }
    if not path.is_file():
        raise DataError(f"There is no file {path}; check the path.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes); give a file with rows or leave it out.")
    kind = kinds.get(content_suffix(path))
    if kind is None:
        raise DataError(f"{path} has no known format; known are {', '.join(kinds)}, each also with .gz or .zst.")
    return kind(path)


def content_suffix(path: Path) -> str:
    """The suffix that names the format, without a compression's."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def open_bytes(path: Path) -> io.BufferedReader:
    """The file's content, decompressed on the way. A truncated one raises OSError at its end."""
    compression = _COMPRESSED.get(path.suffix.lower())
    return io.BufferedReader(pa.input_stream(str(path), compression=compression), 1 << 20)


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes as they lie on disk."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def unreadable(path: Path, error: Exception) -> DataError:
    """What to raise where a file breaks off or is not what its name says."""
    return DataError(f"{path} cannot be read to its end ({str(error).splitlines()[0]}); get a complete copy of it.")


_COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
