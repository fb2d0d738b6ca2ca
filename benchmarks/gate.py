"""What the gate costs: a mask for 100,000 items, cold and remembered, a check of 20, and what a list takes longer."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.form import Options, result, row
from benchmarks.works import write_fitted
from recsys.bundle import load_bundle
from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.dataset.ids import IdMap
from recsys.metrics import Interval
from recsys.safety import Finding, Gate, Response, Takedown, load_policy
from recsys.safety.verdict import Checked, Verdicts
from recsys.types import BoolArray, IntArray, Viewer
from serving.asks import Ask
from serving.current import Live
from serving.engine import Engine
from serving.stores.control import ControlStore
from serving.stores.state import open_state
from serving.view import View

BENCH = "gate"
BARS = "mask for 100k items and check of 20: p50 and p99 in µs; added to a list of 20: ≤ 0.3 ms p50"
CASES = ("mask and check", "added to recommend")
ITEMS, USERS, EVENTS, SHOWN = 100_000, 2_000, 40_000, 20
BAR = 300.0  # µs at the median
NOW = 1_767_225_600.0  # s UTC
LABELS = ("general", "teen", "violence", "nudity", "spam", "sponsored", "sexual", "hate")
PLACES = ("US", "DE", "CN", "FR", "JP")


def run(options: Options) -> dict[str, Any]:
    """Both cases, or the one asked for."""
    begin = time.perf_counter()
    items, rounds = (10_000, 100) if options.quick else (ITEMS, 2_000)
    catalogue = _catalogue(items)
    details: dict[str, Any] = {}
    rows = []
    if options.case in (None, CASES[0]):
        details[CASES[0]] = _alone(catalogue, rounds)
    if options.case in (None, CASES[1]):
        found, details[CASES[1]] = _added(catalogue, rounds)
        rows.append(found)
    settings = {"items": items, "shown": SHOWN, "rounds": rounds, "policy": "strict", "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _catalogue(items: int) -> Catalogue:
    """Works with labels, ages, territories, windows, ratings and embargoes, as many differ as in a real one."""
    rng = np.random.default_rng(0)
    base = datetime.fromtimestamp(NOW, UTC)
    records = []
    for at in range(items):
        labels = [LABELS[n] for n in np.flatnonzero(rng.random(len(LABELS)) < 0.1)]
        places = [PLACES[n] for n in np.flatnonzero(rng.random(len(PLACES)) < 0.7)]
        start = base.replace(year=int(rng.integers(2000, 2028)), day=int(rng.integers(1, 28)))
        records.append(
            {
                "item_id": f"i{at}",
                "authors": [f"a{rng.integers(items // 10)}"],
                "labels": labels or ["general"],
                "min_age": int(rng.choice([0, 6, 12, 16, 18])),
                "territories": places if rng.random() < 0.3 else None,
                "available_from": start if rng.random() < 0.5 else None,
                "embargo_until": base.replace(year=2027) if rng.random() < 0.05 else None,
                "ratings": [f"FSK:{rng.choice([0, 6, 12, 16])}"] if rng.random() < 0.5 else None,
            }
        )
    return Catalogue.from_records(records)


def _alone(catalogue: Catalogue, rounds: int) -> dict[str, Any]:
    begin = time.perf_counter()
    gate = Gate.compile(catalogue, load_policy("strict"), fixed_clock(NOW))
    compiled = time.perf_counter() - begin
    rng = np.random.default_rng(1)
    viewers = [
        Viewer(surface, place, age) for surface in ("feed", "home") for place in PLACES for age in (15, 30, None)
    ]
    lists = [rng.choice(np.flatnonzero(gate.mask(viewer)), SHOWN).astype(np.int32) for viewer in viewers]
    orders = iter(range(10**9))

    def cold() -> Callable[[], object]:
        changed = gate.with_takedowns([Takedown("t", f"i{next(orders) % len(catalogue)}")])
        return lambda: changed.mask(viewers[0])

    turns = iter(range(10**9))

    def cached() -> Callable[[], object]:
        viewer = viewers[next(turns) % len(viewers)]
        return lambda: gate.mask(viewer)

    def check() -> Callable[[], object]:
        at = next(turns) % len(viewers)
        return lambda: gate.check(viewers[at], lists[at])

    def whole() -> Callable[[], object]:
        at = next(turns) % len(viewers)
        response = Response(lists[at], [(int(item),) for item in lists[at]])
        return lambda: gate.check_response(viewers[at], response)

    return {
        "compile_seconds": round(compiled, 2),
        "mask cold after a takedown": _spread(cold, max(20, rounds // 10)),
        "mask remembered": _spread(cached, rounds),
        f"check of {SHOWN}": _spread(check, rounds),
        f"check of {SHOWN} with explanations": _spread(whole, rounds),
    }


def _spread(prepare: Callable[[], Callable[[], object]], rounds: int) -> dict[str, float]:
    """µs at the median and the 99th percentile; what prepares a turn is not counted."""
    times = np.zeros(rounds)
    for at in range(rounds):
        turn = prepare()
        begin = time.perf_counter()
        turn()
        times[at] = time.perf_counter() - begin
    return {
        "p50_us": round(float(np.median(times)) * 1e6, 1),
        "p99_us": round(float(np.quantile(times, 0.99)) * 1e6, 1),
    }


class Ungated(Gate):
    """A gate that lets everything through, at no cost: what a list would take without one."""

    __slots__ = ("_all",)

    @classmethod
    def over(cls, gate: Gate) -> "Ungated":
        """The same gate but for what it asks."""
        made = object.__new__(cls)
        for name in Gate.__slots__:
            object.__setattr__(made, name, getattr(gate, name))
        every = gate.mask(Viewer("feed", "DE", 30)).copy()
        every.flags.writeable = False
        object.__setattr__(made, "_all", every)
        return made

    def mask(self, viewer: Viewer) -> BoolArray:
        found: BoolArray = self._all  # type: ignore[attr-defined]
        return found

    def check(self, viewer: Viewer, items: IntArray) -> Verdicts:
        size = len(items)
        return Verdicts(np.zeros(size, np.int8), np.ones(size, np.bool_), np.zeros(size, np.uint8), "", _Silent())

    def check_response(self, viewer: Viewer, response: Response) -> Checked:
        return Checked(self.check(viewer, response.items), tuple(() for _ in response.items))

    def signals(self, viewer: Viewer) -> None:
        return None


class _Silent:
    """Knows of nothing to explain."""

    def explain(self, place: int) -> Finding:
        raise AssertionError("Nothing is explained here.")

    def told(self, place: int) -> tuple[str, ...]:
        return ()


def _added(catalogue: Catalogue, rounds: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Lists with the gate and without, turn by turn over the same items, and the difference at the median."""
    with tempfile.TemporaryDirectory() as folder:
        engine, view = _engine(Path(folder), catalogue)
        bare = replace(view, gate=Ungated.over(view.gate))
        bare.__dict__.update({name: getattr(view, name) for name in ("creators", "by_popularity")})
        asks = [Ask(Viewer("feed", "DE", 30), SHOWN, session=(f"i{n}", f"i{n + 1}")) for n in range(50)]
        ours, plain = np.zeros(rounds), np.zeros(rounds)
        for at in range(-20, rounds):  # the first turns warm up
            ask = asks[at % len(asks)]
            taken = [_timed(engine, one, ask) for one in ((view, bare) if at % 2 else (bare, view))]
            if at >= 0:
                ours[at], plain[at] = taken if at % 2 else taken[::-1]
    added = float(np.median(ours - plain)) * 1e6
    low, high = _interval(ours - plain)
    details = {"with_gate_p50_us": round(float(np.median(ours)) * 1e6, 1), "added_p50_us": round(added, 1)}
    details |= {"without_p50_us": round(float(np.median(plain)) * 1e6, 1), "added_low_us": low, "added_high_us": high}
    paired = Interval(BAR / max(added, 1e-3), BAR / max(high, 1e-3), BAR / max(low, 1e-3))
    line = row(
        "added to recommend",
        "p50 µs",
        ours=added,
        peer=BAR,
        peer_name="the bar",
        paired=paired,
        bar="<= 300 µs",
        ok=added <= BAR,
    )
    return line, details


def _timed(engine: Engine, view: View, ask: Ask) -> float:
    begin = time.perf_counter()
    engine.recommend_on(view, [ask])
    return time.perf_counter() - begin


def _interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of the median of the paired differences, in µs, by the bootstrap."""
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(differences), (500, len(differences)))
    low, high = np.quantile(np.median(differences[draws], axis=1), [0.025, 0.975]) * 1e6
    return round(float(low), 1), round(float(high), 1)


def _engine(folder: Path, catalogue: Catalogue) -> tuple[Engine, View]:
    """A small factor model and the most popular works over the catalogue, behind real stores."""
    data = _events(catalogue)
    write_fitted(folder / "bundle", data, {"recipe": "als", "factors": 16, "epochs": 2}, {"recipe": "popular"})
    clock = fixed_clock(NOW)
    control = ControlStore.open(folder / "control.db", clock)
    live = Live(load_bundle(folder / "bundle"), control, clock, policy="strict")
    return Engine(live, control, open_state(folder / "state.db"), clock), live.view()


def _events(catalogue: Catalogue) -> Dataset:
    rng = np.random.default_rng(2)
    order = np.lexsort((rng.random(EVENTS), user := np.sort(rng.integers(0, USERS, EVENTS))))
    item = (rng.pareto(1.2, EVENTS) * 50).astype(np.int64) % len(catalogue)
    return Dataset(
        users=IdMap([f"u{n}" for n in range(USERS)]),
        catalogue=catalogue,
        user=user[order].astype(np.int32),
        item=item.astype(np.int32),
        time=np.full(EVENTS, NOW - 86_400.0),
        weight=np.ones(EVENTS, np.float32),
        positive=np.ones(EVENTS, np.bool_),
        profiles={},
        at=NOW,
        returns=False,
    )
