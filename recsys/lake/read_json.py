"""JSON lines: one object a line, whose keys and types may differ from line to line."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys.errors import DataError
from recsys.lake.read import CHUNK, Chunk, Malformed, open_bytes, unreadable


class JsonSource:
    """A file of JSON objects, read twice: once for the keys and their types, once for the values."""

    def __init__(self, path: Path) -> None:
        self._path = path
        seen: dict[str, set[str]] = {}
        for _, _, record in self._records():
            if isinstance(record, dict):
                for name, value in record.items():
                    seen.setdefault(name, set()).add(_shape(value))
        self.types: Mapping[str, pa.DataType] = {name: _type(shapes - {"null"}) for name, shapes in seen.items()}

    def chunks(self) -> Iterator[Chunk]:
        """All records in chunks; lines that hold no JSON object are malformed."""
        good: list[dict[str, Any]] = []
        lines: list[str] = []
        rows: list[int] = []
        malformed: list[Malformed] = []
        for row, line, record in self._records():
            if isinstance(record, dict):
                good.append(record)
                lines.append(line)
                rows.append(row)
            else:
                malformed.append(Malformed(row, str(record), json.dumps({"line": line}, ensure_ascii=False)))
            if len(good) + len(malformed) == CHUNK:
                yield self._chunk(rows, good, lines, malformed)
                good, lines, rows, malformed = [], [], [], []
        if good or malformed:
            yield self._chunk(rows, good, lines, malformed)

    def _chunk(
        self, rows: list[int], good: list[dict[str, Any]], lines: list[str], malformed: list[Malformed]
    ) -> Chunk:
        columns = {name: [record.get(name) for record in good] for name in self.types}
        return Chunk(np.array(rows, np.int64), columns, lines.__getitem__, malformed)

    def _records(self) -> Iterator[tuple[int, str, dict[str, Any] | str]]:
        """(row, line, object or what is wrong with the line); blank lines are not records."""
        row = 0
        try:
            with open_bytes(self._path) as raw:
                for data in raw:
                    if data.isspace():
                        continue
                    row += 1
                    line, record = _parse(data)
                    if row == 1 and line.lstrip().startswith("["):
                        raise DataError(f"{self._path} holds a JSON array; write one object a line (JSON lines).")
                    yield row, line, record
        except (OSError, pa.ArrowException, EOFError) as error:
            raise unreadable(self._path, error) from None


def _parse(data: bytes) -> tuple[str, dict[str, Any] | str]:
    line = data.decode("utf-8-sig", "replace").strip()
    try:
        record = json.loads(data.decode("utf-8-sig"))
        if b"\\u" in data:  # an escape can name half a character, which no other format holds
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeError:
        return line.encode("utf-8", "replace").decode(), "not UTF-8"
    except (ValueError, RecursionError):
        return line, "not a JSON object"
    return line, record if isinstance(record, dict) else "not a JSON object"


def _shape(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int" if -(2**63) <= value < 2**63 else "other"
        case float():
            return "float"
        case str():
            return "text"
        case list():
            inner = {_shape(element) for element in value}
            if not inner:
                return "nothing in a list"
            return "texts" if inner <= {"text"} else "numbers" if inner <= {"int", "float"} else "other"
    return "other"


def _type(shapes: set[str]) -> pa.DataType:
    """The type that holds all values of a column; text (JSON) where none does."""
    for allowed, kind in (
        ({"bool"}, pa.bool_()),
        ({"int"}, pa.int64()),
        ({"int", "float"}, pa.float64()),
        ({"texts", "nothing in a list"}, pa.list_(pa.string())),
        ({"numbers", "nothing in a list"}, pa.list_(pa.float64())),
    ):
        if shapes and shapes <= allowed:
            return kind
    return pa.string()
