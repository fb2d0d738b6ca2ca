"""The default engine: DuckDB over the Parquet files of a lake version, within a stated memory limit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What preparing may use of the machine; beyond ``memory_limit`` it spills to disk."""

    memory_limit: str = "2GB"
    threads: int = 0  # 0: all cores


@contextmanager
def connect(options: EngineOptions, spill: Path) -> Iterator[Backend]:
    """A connection of its own that spills into ``spill``, closed at the end."""
    spill.mkdir(parents=True, exist_ok=True)
    settings: dict[str, object] = {
        "memory_limit": options.memory_limit,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,  # the steps are sets; ``batches`` turns it on
    }
    if options.threads:
        settings["threads"] = options.threads
    engine = ibis.duckdb.connect(**settings)
    try:
        yield engine
    finally:
        engine.disconnect()


def read(engine: Backend, files: Sequence[str]) -> Table:
    """The rows of Parquet files whose columns may differ, as a lake that gained columns has them."""
    return engine.read_parquet([name.removeprefix("file://") for name in files], union_by_name=True)


def keep(engine: Backend, table: Table) -> Table:
    """The rows once computed, as a temporary table that spills; so that several steps do not compute them again."""
    return engine.create_table(f"kept_{uuid4().hex}", table, temp=True)


def batches(engine: Backend, table: Table, rows: int) -> Iterator[pa.RecordBatch]:
    """The result in its order, ``rows`` at a time.

    A streamed result keeps its ORDER BY only while ``preserve_insertion_order`` is on; and Ibis 12 would ask for a
    method that DuckDB 2 has renamed.
    """
    engine.raw_sql("SET preserve_insertion_order = true")
    result = engine.con.sql(engine.compile(table))
    reader = result.to_arrow_reader if hasattr(result, "to_arrow_reader") else result.fetch_arrow_reader
    yield from reader(rows)
    engine.raw_sql("SET preserve_insertion_order = false")
