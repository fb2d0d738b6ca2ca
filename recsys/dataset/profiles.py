"""Users' profiles straight from a mapped table: millions of users cost nothing until they are asked for."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys.errors import DataError


class Profiles(Mapping[str, Mapping[str, str]]):
    """Profiles by external user id: every column of the users table as a string, what is unknown left out."""

    def __init__(self, table: pa.Table) -> None:
        strings = profile_table(table)
        self._ids = strings["user_id"].combine_chunks()
        self._columns = {n: strings[n].combine_chunks() for n in strings.column_names if n != "user_id"}

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {user: row for row, user in enumerate(self._ids.to_pylist())}

    def __getitem__(self, user_id: str) -> Mapping[str, str]:
        row = self._rows[user_id]
        values = ((name, column[row].as_py()) for name, column in self._columns.items())
        return {name: value for name, value in values if value is not None}

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, user_id: object) -> bool:
        return user_id in self._rows

    @classmethod
    def load(cls, path: Path) -> "Profiles":
        """Map an Arrow file of profiles."""
        return cls(pa.ipc.open_file(pa.memory_map(str(path))).read_all())


def profile_table(users: pa.Table) -> pa.Table:
    """The users table with every column as a string, lists joined by ``|``; raises DataError where that cannot be."""
    if "user_id" not in users.column_names:
        raise DataError("The users table has no column user_id; map one with --map user_id=COLUMN.")
    return pa.table({name: _strings(name, users[name]) for name in users.column_names})


def _strings(name: str, column: Any) -> Any:
    try:
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            return pc.binary_join(column.cast(pa.list_(pa.string())), "|")
        return column.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise DataError(
            f"Column {name} of the users table is of type {column.type}, which has no text form; "
            "leave it out or give it as a string."
        ) from None
