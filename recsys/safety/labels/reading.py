"""Label events from a file: CSV, TSV, JSON lines or Parquet, with the fields of a label event as columns."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recsys.errors import DataError
from recsys.lake.read import Chunk, Column, file_sha256, open_source
from recsys.lake.times import parse_times
from recsys.safety.labels.event import PRESENT, LabelEvent

NEEDED = ("item_id", "source", "label")
AHEAD_SECONDS = 86_400.0  # clocks differ; a label made more than a day ahead is a mistake
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def read_labels(path: Path, now: float, *, actor: str = "") -> list[LabelEvent]:
    """The events of a whole file. DataError names the first bad row and its field.

    ``item_id``, ``source`` and ``label`` are needed. ``id`` defaults to a digest of file and row, so that reading the
    file again gives the same events; ``created`` to ``now`` (s UTC), ``actor`` to the argument, ``item_version`` to
    PRESENT; the others are empty.
    """
    source = open_source(path)
    _refuse_columns(path, source.types)
    digest = file_sha256(path)
    found: list[LabelEvent] = []
    for chunk in source.chunks():
        for malformed in chunk.malformed:
            raise DataError(f"{path}, row {malformed.row}: {malformed.reason}. Nothing was imported.")
        found += _events(path, chunk, digest, {"created": now, "actor": actor, "item_version": PRESENT})
    if not found:
        raise DataError(f"{path} has no rows; give a file with labels.")
    late = next((event for event in found if event.created > now + AHEAD_SECONDS), None)
    if late is not None:
        raise DataError(f"{path}, label {late.id}: created lies in the future. Nothing was imported.")
    return found


def _refuse_columns(path: Path, columns: Mapping[str, Any]) -> None:
    for name in NEEDED:
        if name not in columns:
            raise DataError(f"{path} has no column {name}; needed are {', '.join(NEEDED)}.")
    for name in columns:
        if name not in LabelEvent.__slots__:
            raise DataError(f"{path}: {name!r} is no field of a label; known are {', '.join(LabelEvent.__slots__)}.")


def _events(path: Path, chunk: Chunk, digest: str, defaults: Mapping[str, Any]) -> Iterator[LabelEvent]:
    columns = {name: _values(path, chunk, name, column) for name, column in chunk.columns.items()}
    for place, row in enumerate(chunk.rows.tolist()):
        given = {name: values[place] for name, values in columns.items() if values[place] is not None}
        given.setdefault("id", hashlib.sha256(f"{digest}:{row}".encode()).hexdigest())
        try:
            read = {name: _read(name, value) for name, value in given.items()}
            for name in NEEDED:
                if name not in read:
                    raise DataError(f"{name} is empty; give one.")
            yield LabelEvent(**{**defaults, **read}).checked()
        except DataError as error:
            raise DataError(f"{path}, row {row}: {error} Nothing was imported.") from None


def _values(path: Path, chunk: Chunk, name: str, column: Column) -> list[Any]:
    if name not in {"created", "expires"}:
        return column if isinstance(column, list) else column.to_pylist()
    parsed = parse_times(column)
    for text, wrong in parsed.faults:
        if wrong.any():
            row = int(chunk.rows[wrong.argmax()])
            raise DataError(f"{path}, row {row}: {name} {text}; write 2027-01-31T18:00:00Z. Nothing was imported.")
    return [None if moment is None else moment.timestamp() for moment in parsed.values.to_pylist()]


def _read(name: str, value: Any) -> Any:
    reader = _READERS.get(name)
    return _text(name, value) if reader is None else reader(name, value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise DataError(f"{name} is {value!r}; give text.")


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} is {value!r}, which is no number.") from None


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if not number.is_integer() or not 0 <= number < 2**53:
        raise DataError(f"{name} is {value!r}; give the change number of an upsert, or 0.")
    return int(number)


def _flag(name: str, value: Any) -> bool:
    text = str(value).strip().casefold()
    if text not in _YES | _NO:
        raise DataError(f"{name} is {value!r}; write true or false.")
    return text in _YES


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "item_version": _whole,
    "score": _number,
    "created": _number,
    "expires": _number,
    "negates": _flag,
}
