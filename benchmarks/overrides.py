"""What 1,000 live campaigns of every kind add to a request, in one process: with and without, in turns."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._changes import live_rows
from benchmarks.form import Options, result, row
from benchmarks.works import write_fitted
from recsys.bundle import load_bundle
from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.dataset.ids import IdMap
from recsys.metrics import Interval
from recsys.overrides import (
    Boost,
    Bury,
    Campaign,
    CampaignAction,
    Caps,
    Exclude,
    Exposure,
    Fill,
    OverrideIndex,
    Pin,
    Present,
    Quota,
    QuotaIndex,
    Row,
    parse_audience,
)
from recsys.types import Viewer
from serving.asks import Ask
from serving.current import Live
from serving.engine import Engine
from serving.stores.control import ControlStore
from serving.stores.state import Event, open_state
from serving.view import View

BARS = "1,000 live campaigns add ≤ 0.5 ms p50; a change is live on the next request, on replicas within 1 s at p99"
BENCH = "overrides"
BAR = 0.5  # ms
CAMPAIGNS, ITEMS, USERS, EVENTS, K = 1_000, 20_000, 500, 20, 10
AUDIENCES = 20
NOW = 1_700_000_000.0
LANGUAGES = ("de", "en", "fr", "zh")


@dataclass(frozen=True)
class Side:
    """Requests against one view, and how long each took."""

    engine: Engine
    view: View
    seconds: list[float]

    def ask(self, ask: Ask) -> None:
        """One request, and what it shows is counted."""
        begin = time.thread_time()  # what else runs on the machine does not count
        answer = self.engine.recommend_on(self.view, [ask])[0]
        if answer.placed is not None:
            answer.placed.live.record(answer.slate.overrides)
        self.seconds.append(time.thread_time() - begin)


def run(options: Options) -> dict[str, Any]:
    """The same requests with and without, in turns, each request by itself."""
    begin = time.perf_counter()
    items, rounds = (2_000, 300) if options.quick else (ITEMS, 4_000)
    with tempfile.TemporaryDirectory() as folder:
        bare, full = _sides(Path(folder), items)
        asks = _asks(rounds)
        for ask in asks[: rounds // 10]:
            bare.ask(ask)
            full.ask(ask)
        bare.seconds.clear()
        full.seconds.clear()
        for at, ask in enumerate(asks):
            for side in (bare, full) if at % 2 else (full, bare):
                side.ask(ask)
    without, with_all = (np.array(side.seconds) * 1e3 for side in (bare, full))
    added, low, high = _added(without, with_all)
    figures = {
        "without_ms": {"p50": _at(without, 50), "p99": _at(without, 99)},
        "with_ms": {"p50": _at(with_all, 50), "p99": _at(with_all, 99)},
        "added_p50_ms": {"low": round(low, 4), "high": round(high, 4)},
        "compile_ms": round(_compile_ms(full.view), 1),
    }
    paired = Interval(BAR / added, BAR / high, BAR / low) if low > 0 else Interval(BAR / max(added, 1e-6), 0.0, np.inf)
    rows = [
        row(
            f"{CAMPAIGNS:,} campaigns",
            "added p50, ms",
            ours=added,
            peer=BAR,
            peer_name="the bar",
            paired=paired,
            bar=f"<= {BAR}",
            ok=bool(added <= BAR),
        )
    ]
    rows += live_rows(20 if options.quick else 200)
    settings = {"items": items, "k": K, "requests": rounds, "audiences": AUDIENCES, "quick": options.quick}
    return result(BENCH, rows, details=figures, settings=settings, seconds=time.perf_counter() - begin)


def campaigns(names: Sequence[str], n: int = CAMPAIGNS, *, seed: int = 0) -> list[Campaign]:
    """Campaigns of every kind that hold on the feed now; a third of them has an audience, a fifth has limits."""
    rng = np.random.default_rng(seed)
    audiences = [
        parse_audience(f'profile.group == "g{at}" || context.page == "p{at}"')
        if at % 2
        else parse_audience(f'context.page == "p{at}"')
        for at in range(AUDIENCES)
    ]
    made = []
    for at in range(n):
        action = _action(at, rng.choice(names, 20, replace=False).tolist(), int(rng.integers(1, 31)))
        capped = at % 5 == 0
        promised = isinstance(action, Boost) and at % 4 == 0
        made.append(
            Campaign(
                f"c{at:04}",
                (action,),
                audience=audiences[at % AUDIENCES] if at % 3 == 0 else None,
                start=NOW - 86_400 * (1 + at % 5),
                end=NOW + 86_400 * (1 + at % 7),
                priority=int(rng.integers(0, 5)),
                caps=Caps(user_day=5, slot=100_000, total=1_000_000) if capped else Caps(),
                share=0.2 if capped else None,
                guarantee=500 if promised else None,
                approved_at=float(at),
                territories=frozenset({"DE", "FR"}) if at % 2 else frozenset(),
            )
        )
    return made


def _action(at: int, pool: list[str], slot: int) -> CampaignAction:
    """One of each kind in turn; boosts are the most frequent."""
    kinds: tuple[CampaignAction, ...] = (
        Boost(pool[0], 2.0),
        Pin(pool[0], slot),
        Boost(pool[0], 4.0),
        Exclude(pool[0]),
        Boost(pool[0], 1.0),
        Bury(pool[0], 0.5),
        Fill(slot, tuple(pool), 2),
        Present(pool[0], "Another title"),
        Boost(pool[0], 5.0),
        Row(slot, "A row", tuple(pool), 4),
    )
    return kinds[at % len(kinds)]


def _sides(folder: Path, items: int) -> tuple[Side, Side]:
    data = works_and_users(items)
    recipes = ({"recipe": "als", "factors": 64, "epochs": 2}, {"recipe": "popular", "half_life_days": 30.0})
    write_fitted(folder / "b", data, *recipes)
    bundle, clock = load_bundle(folder / "b"), fixed_clock(NOW)
    control, state = ControlStore.open(folder / "control.db", clock), open_state(folder / "state.db")
    state.append(history_of(data))
    live = Live(bundle, control, clock, policy="open")
    plain = live.view()
    full = replace(
        plain,
        overrides=OverrideIndex.compile(campaigns(plain.ids.ids), plain.ids),
        quotas=QuotaIndex.compile([Quota("zh", "language", ("zh",), 0.3)], data.catalogue.column),
    )
    bare = Side(Engine(live, control, state, clock), plain, [])
    return bare, Side(Engine(live, control, state, clock, exposure=Exposure()), full, [])


def works_and_users(items: int) -> Dataset:
    """Users with tastes of their own over works in four languages."""
    rng = np.random.default_rng(0)
    names = [f"i{at:06}" for at in range(items)]
    rows = [{"item_id": name, "title": f"Work {name}", "language": LANGUAGES[at % 4]} for at, name in enumerate(names)]
    user = np.repeat(np.arange(USERS, dtype=np.int32), EVENTS)
    item = ((rng.zipf(1.3, len(user)) + 97 * (user % 50)) % items).astype(np.int32)
    when = NOW - rng.uniform(0, 30 * 86_400, len(user))
    order = np.lexsort((when, user))
    return Dataset(
        users=IdMap([f"u{at:04}" for at in range(USERS)]),
        catalogue=Catalogue.from_records(rows),
        user=user[order],
        item=item[order],
        time=when[order],
        weight=np.ones(len(user), np.float32),
        positive=np.ones(len(user), np.bool_),
        at=NOW,
    )


def history_of(data: Dataset) -> list[Event]:
    rows = zip(data.user.tolist(), data.item.tolist(), data.time.tolist(), strict=True)
    return [
        Event(f"e{at}", data.users[user], data.catalogue.ids[item], timestamp=when)
        for at, (user, item, when) in enumerate(rows)
    ]


def _asks(n: int) -> list[Ask]:
    """Users of 30 groups on 10 pages, half of them in a territory that campaigns name."""
    rng = np.random.default_rng(1)
    return [
        Ask(
            Viewer("feed", ("DE", "FR", "CN", None)[int(rng.integers(4))], 30),
            K,
            user_id=f"u{int(rng.integers(USERS)):04}",
            profile={"group": f"g{int(rng.integers(30))}"},
            context={"page": f"p{int(rng.integers(10))}"},
        )
        for _ in range(n)
    ]


def _added(without: Any, with_all: Any, repeats: int = 1000) -> tuple[float, float, float]:
    """The difference of the medians (ms) with its interval over resampled requests."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(repeats):
        rows = rng.integers(0, len(without), len(without))
        found.append(np.median(with_all[rows]) - np.median(without[rows]))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(np.median(with_all) - np.median(without)), float(low), float(high)


def _at(values: Any, percentile: float) -> float:
    return round(float(np.percentile(values, percentile)), 4)


def _compile_ms(view: View) -> float:
    begin = time.perf_counter()
    OverrideIndex.compile([one.campaign for one in view.overrides.ordered], view.ids)
    return (time.perf_counter() - begin) * 1e3
