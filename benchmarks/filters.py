"""Time of a filter that was not asked before, over 100,000 items: parsed, checked and worked out to a mask.

The other side is the runtime of CEL (cel-expr-python, in C++), which is asked item by item; both must choose the same
items. Columns are encoded before, as a worker does it before it serves a bundle. Both sides work in one thread, whose
CPU time is taken, so that what else the machine does is not counted.
"""

import string
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.form import Options, result, row
from recsys.dataset.catalogue import Catalogue
from recsys.errors import DataError
from recsys.expressions import Columns, parse
from recsys.expressions.tree import render
from recsys.metrics import Interval
from recsys.types import BoolArray
from serving.filters import Filters

BARS = "a new filter at 100k items: p50 ≤ 5 ms"
BENCH = "filters"
BAR_MS = 5.0
ITEMS, ROUNDS = 100_000, 40
LANGUAGES = ("en", "zh", "fr", "de", "ja", "es")
GENRES = tuple(f"genre {letter}" for letter in string.ascii_lowercase)

Draw = np.random.Generator


@dataclass(frozen=True)
class Shape:
    """A kind of filter; every draw asks for something else, so that none is remembered."""

    name: str
    draw: Callable[[Draw], str]


SHAPES = (
    Shape("number", lambda rng: f"year >= {rng.integers(1900, 2026)} && rating > {rng.random():.6f}"),
    Shape("text", lambda rng: f"language == '{rng.choice(LANGUAGES)}' && rating < {rng.random():.6f}"),
    Shape("membership", lambda rng: f"'{rng.choice(GENRES)}' in genres && !(rating < {rng.random():.6f})"),
    Shape("among", lambda rng: f"language in ['en', 'zh'] || year in [{rng.integers(1900, 2026)}, {rng.random():.6f}]"),
    Shape("exists", lambda rng: f"genres.exists(x, x > 'genre {_letters(rng, 3)}') && has(year)"),
    Shape("title contains", lambda rng: f"title.contains('{_letters(rng, 2)}{_letters(rng, 1)}')"),
    Shape("title starts", lambda rng: f"title.startsWith('{_letters(rng, 2)}') || rating > {rng.random():.6f}"),
    Shape("time", lambda rng: f'available_from <= timestamp("20{rng.integers(10, 26)}-01-01T00:00:00.{_six(rng)}Z")'),
    Shape(
        "all together",
        lambda rng: (
            f"(language == 'zh' || title.endsWith('{_letters(rng, 2)}')) && size(genres) >= 2 && "
            f"!('genre a' in genres) && (year > {rng.integers(1900, 2026)} || !has(year)) && "
            f"rating > {rng.random():.6f}"
        ),
    ),
)
CASES = tuple(shape.name for shape in SHAPES)


def run(options: Options) -> dict[str, Any]:
    """Every shape in turn, over and over; each is asked of CEL once."""
    begin = time.perf_counter()
    size, rounds = (ITEMS // 20, 3) if options.quick else (ITEMS, ROUNDS)
    rng = np.random.default_rng(0)
    catalogue = drawn(size, rng)
    filters = _warmed(catalogue)
    shapes = [shape for shape in SHAPES if options.case in (None, shape.name)]
    seconds: dict[str, list[float]] = {shape.name: [] for shape in shapes}
    by_cel: dict[str, float] = {}
    records = _records(catalogue)
    for turn in range(rounds):
        for shape in shapes:
            text = shape.draw(rng)
            start = time.thread_time()
            mask = filters.mask(text)
            seconds[shape.name].append(time.thread_time() - start)
            if not turn:
                by_cel[shape.name] = _asked_of_cel(text, filters, records, mask)
    rows = [_row("all", [one for shape in shapes for one in seconds[shape.name]])]
    details = {name: _told(seconds[name], by_cel[name]) for name in seconds}
    settings = {"items": size, "rounds": rounds, "threads": 1, "clock": "CPU of the thread", "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def drawn(size: int, rng: Draw) -> Catalogue:
    """Works with titles of three words, some without a year."""
    words = np.array([_letters(rng, length) for length in rng.integers(3, 9, 5_000)])
    genres = [list(rng.choice(GENRES, count, replace=False)) for count in rng.integers(0, 5, size)]
    return Catalogue(
        pa.table(
            {
                "item_id": [f"item {at}" for at in range(size)],
                "title": [" ".join(title) for title in rng.choice(words, (size, 3))],
                "language": rng.choice(LANGUAGES, size),
                "genres": genres,
                "year": pa.array(rng.integers(1900, 2027, size), pa.int32(), mask=rng.random(size) < 0.1),
                "rating": rng.random(size),
                "available_from": pa.array(rng.integers(10**15, 18 * 10**14, size), pa.timestamp("us", tz="UTC")),
            }
        )
    )


def _warmed(catalogue: Catalogue) -> Filters:
    columns = Columns(catalogue)
    columns.encode()
    return Filters(columns)


def _records(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Works as CEL reads them: a field that is unknown is not there."""
    from google.protobuf.timestamp_pb2 import Timestamp

    def plain(value: Any) -> Any:
        if not hasattr(value, "timestamp"):
            return value
        moment = Timestamp()
        moment.FromDatetime(value)
        return moment

    rows = catalogue.table.to_pylist()
    return [{name: plain(value) for name, value in one.items() if value is not None} for one in rows]


def _asked_of_cel(text: str, filters: Filters, records: Sequence[Mapping[str, Any]], mask: BoolArray) -> float:
    """Seconds of CEL over all items."""
    from cel_expr_python import cel

    env = cel.NewEnv(variables={"item": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})
    start = time.thread_time()
    compiled = env.compile(render(parse(text, filters.fields).tree, "item."), disable_check=True)
    found = [compiled.eval(data={"item": record}).value() is True for record in records]
    seconds = time.thread_time() - start
    if found != mask.tolist():
        raise DataError(f"{text} chooses other items than CEL does; the figures would compare different things.")
    return seconds


def _row(case: str, seconds: Sequence[float]) -> dict[str, Any]:
    ms = 1e3 * np.array(seconds)
    p50 = float(np.median(ms))
    medians = np.median(np.random.default_rng(0).choice(ms, (1000, len(ms))), axis=1)
    low, high = np.quantile(BAR_MS / medians, (0.025, 0.975))
    paired = Interval(BAR_MS / p50, float(low), float(high))
    name, bar = "ms a new filter, p50", f"<= {BAR_MS:g} ms"
    return row(case, name, ours=p50, peer=BAR_MS, peer_name="the bar", paired=paired, bar=bar, ok=p50 <= BAR_MS)


def _told(seconds: Sequence[float], by_cel: float) -> dict[str, float]:
    ms = 1e3 * np.array(seconds)
    p50 = float(np.median(ms))
    figures = {"p50 ms": p50, "p95 ms": float(np.quantile(ms, 0.95)), "CEL item by item ms": 1e3 * by_cel}
    return {name: round(value, 3) for name, value in figures.items()} | {"times faster": round(1e3 * by_cel / p50, 1)}


def _letters(rng: Draw, count: int) -> str:
    return "".join(rng.choice(list(string.ascii_lowercase), count))


def _six(rng: Draw) -> str:
    return f"{rng.integers(0, 10**6):06}"
