"""Files of events, items and users into the lake, each exactly once."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from recsys.clock import Clock, system_clock, to_datetime
from recsys.errors import DataError
from recsys.lake.checks import layout
from recsys.lake.lake import Lake
from recsys.lake.read import Source, open_source
from recsys.lake.stage import Staged, Terms, stage

ERASED = "erased"  # the reason of rows whose user was erased


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of the rows: by table what was read and what changed in the lake, by reason what was kept out.

    Rows that stay out because their user was erased count under the reason ``erased``, and are kept nowhere.
    """

    read: dict[str, int]
    added: dict[str, int]
    quarantined: dict[str, int]


def _silent(table: str, rows: int) -> None:
    """Progress that nobody watches."""


def ingest(
    lake: Lake,
    *,
    events: Path | None = None,
    items: Path | None = None,
    users: Path | None = None,
    mapping: Mapping[str, str] | None = None,
    strict: bool = False,
    progress: Callable[[str, int], None] = _silent,
    clock: Clock = system_clock,
) -> IngestReport:
    """Add files to the lake; a file that was added before adds nothing.

    ``mapping`` gives a field's column in the files. Bad rows go to the quarantine table, or if ``strict`` raise a
    DataError before anything is written. ``progress`` is called with a table and the records read since the last call.
    All files are read and checked to their end before the first table changes, and each table changes in one commit.
    """
    given = {"items": items, "events": events, "users": users}  # a profile of an erased user waits for later events
    files = {table: Path(path) for table, path in given.items() if path is not None}
    if not files:
        raise DataError("There is nothing to ingest; name a file of events, items or users.")
    sources = {table: open_source(path) for table, path in files.items()}
    plans = {
        table: layout(table, files[table], source.types, mapping or {}, lake.schema(table))
        for table, source in sources.items()
    }
    _refuse_unused(mapping or {}, sources)
    terms = Terms(strict, to_datetime(clock()), progress)
    staged = {table: stage(files[table], source, plans[table], terms) for table, source in sources.items()}
    return _write(lake, staged)


def _write(lake: Lake, staged: Mapping[str, Staged]) -> IngestReport:
    reasons: Counter[str] = Counter()
    for one in staged.values():
        erased = lake.admit("quarantine", one.bad).erased
        reasons += one.reasons
        if erased.any():
            reasons -= Counter(one.bad.read(columns=["reason"])["reason"].filter(pa.array(erased)).to_pylist())
            reasons[ERASED] += int(erased.sum())
    done = {table: lake.admit(table, one.good) for table, one in staged.items()}
    reasons[ERASED] += sum(int(one.erased.sum()) for one in done.values())
    return IngestReport(
        read={table: one.read for table, one in staged.items()},
        added={table: one.changed for table, one in done.items()},
        quarantined=dict((+reasons).most_common()),
    )


def _refuse_unused(mapping: Mapping[str, str], sources: Mapping[str, Source]) -> None:
    known = {column for source in sources.values() for column in source.types}
    for name, column in mapping.items():
        if column not in known:
            raise DataError(
                f"No file has the column {column} that --map {name}={column} names; "
                f"the columns are {', '.join(sorted(known))}."
            )
