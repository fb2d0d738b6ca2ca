"""A scripted day of a newsroom: 24 hours, 50 campaigns of every action and conflict, a clock that is set by hand.

Campaigns go through the desk (two people), the day's traffic through the engine with exposure as production has it.
In between works are taken down, a campaign is paused and brought back, a kill switch is thrown and released. Promises
are counted twice: in the report, and in a ledger that knows the script and the answers alone; both have to say the same
of what was delivered, what is missing, and in how many lists.
"""

import math
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.form import Options, result, row
from benchmarks.overrides import AUDIENCES, USERS, history_of, works_and_users
from benchmarks.works import write_fitted
from recsys.bundle import load_bundle
from recsys.clock import to_datetime
from recsys.metrics import Interval
from recsys.overrides import PLACED, campaign_of
from recsys.types import Viewer
from serving.asks import Answer, Ask
from serving.campaigns.desk import Desk
from serving.campaigns.four_eyes import FourEyes
from serving.campaigns.report import Line
from serving.campaigns.reporting import lines
from serving.current import Live
from serving.engine import Engine
from serving.exposure import SharedExposure
from serving.stores.campaigns import Said
from serving.stores.control import ControlStore
from serving.stores.state import open_state

BARS = "a scripted day: promises are delivered or explained by numbers that add up, editors' positions have an id"
BENCH = "newsroom"
DAY = 1_700_006_400.0  # 2023-11-15T00:00:00Z
CAMPAIGNS, K, DEEP = 50, 10, 400
ANNA, BEN = Said("Anna", "planned"), Said("Ben", "agreed")
SPONSOR = {"name": "A publisher", "label": "Ad", "parameters": ["territory"]}
EXACT = Interval(1.0, 1.0, 1.0)
LOUD = tuple(1.0 + 2.0 * (18 <= hour < 24) + (7 <= hour < 9) for hour in range(24))  # requests by hour


@dataclass
class Day:
    """The newsroom's clock, stores and engine."""

    control: ControlStore
    desk: Desk
    engine: Engine
    exposure: SharedExposure
    now: float = DAY

    def clock(self) -> float:
        """The moment that everything goes by."""
        return self.now


@dataclass
class Ledger:
    """A second account of the promises, kept from the answers and the script alone."""

    documents: dict[str, dict[str, Any]]
    off: set[str] = field(default_factory=set)  # what the newsroom has stopped
    delivered: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)  # lists in which a promise was behind and got nothing

    def note(self, answer: Answer, now: float) -> None:
        """Count one list."""
        shown = Counter(campaign_of(name) for name in answer.slate.overrides if name is not None)
        for name, document in self.documents.items():
            behind = self.delivered[name] < planned(document, now)
            if behind and not shown[name] and name not in self.off and _holds(document, answer.ask, now):
                self.missed[name] += 1
            self.delivered[name] += shown[name]

    def wrong(self, line: Line, now: float) -> list[str]:
        """Where a line of the report is not what was counted here."""
        name = line.campaign
        missing = max(0, math.floor(planned(self.documents[name], now) + 1e-9) - self.delivered[name])
        pairs = {
            "delivered": (line.delivered, self.delivered[name]),
            "missing": (line.missing, missing),
            "explained": (sum(one.impressions for one in line.why), missing),
        }
        if missing:
            pairs["lists without it"] = (line.lists, self.missed[name])
        return [f"{name} {what}: {told}, counted {own}" for what, (told, own) in pairs.items() if told != own]


def run(options: Options) -> dict[str, Any]:
    """The day, then the report on it."""
    begin = time.perf_counter()
    items, an_hour = (500, 8) if options.quick else (5_000, 150)
    an_hour = options.count or an_hour
    with tempfile.TemporaryDirectory() as folder:
        day = _opened(Path(folder), items)
        names = list(day.engine.live.view().ids.ids)
        documents = {document["id"]: document for document in (_document(at, names) for at in range(CAMPAIGNS))}
        for document in documents.values():
            _bring_on_air(day, document)
        ledger = Ledger({name: one for name, one in documents.items() if "guarantee" in one})
        lists, bare, moved = _through(day, names, an_hour, ledger)
        day.exposure.exchange()
        report = lines(day.control, day.now)
        audit = day.control.verify_audit()
        day.control.close()
    promised = [line for line in report if line.promised is not None]
    unexplained = [line.campaign for line in promised if line.status == "unexplained"]
    wrong = [what for line in promised for what in ledger.wrong(line, day.now)]
    rows = [
        _row(f"{len(promised)} promises", "neither delivered nor explained", len(unexplained)),
        _row(f"{len(promised)} promises", "numbers that a second account does not confirm", len(wrong)),
        _row(f"{lists:,} lists", "positions that no model gave without an id", bare),
        _row(f"{lists // 10:,} lists", "where positions without an id are not in the model's order", moved),
        _row("the day's record", "audit lines that do not hold", int(audit is not None)),
    ]
    settings = {"items": items, "lists": lists, "campaigns": CAMPAIGNS, "quick": options.quick}
    details = {**_account(promised), "wrong": wrong, "states": dict(Counter(line.state for line in report))}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _account(promised: Sequence[Line]) -> dict[str, Any]:
    """The promises together and one by one: what is planned by now is delivered, or missing for a reason."""
    why: Counter[str] = Counter()
    for line in promised:
        why.update({one.reason: one.impressions for one in line.why})
    return {
        "status": dict(Counter(line.status for line in promised)),
        "planned by now": sum(line.planned or 0 for line in promised),
        "delivered of it": sum(min(line.delivered, line.planned or 0) for line in promised),
        "missing by reason": dict(why.most_common()),
        "campaigns": {
            line.campaign: {
                "planned": line.planned,
                "delivered": line.delivered,
                "missing": {one.reason: one.impressions for one in line.why},
            }
            for line in promised
        },
    }


def _through(day: Day, names: list[str], an_hour: int, ledger: Ledger) -> tuple[int, int, int]:
    """Lists answered, positions without the id that they need, lists whose rest is not in the model's order."""
    rng = np.random.default_rng(1)
    lists = bare = moved = 0
    for hour in range(24):
        day.now = DAY + hour * 3600
        _event(day, hour, names, ledger.off)
        for part in np.sort(rng.uniform(0, 3600, int(an_hour * LOUD[hour]))).tolist():
            day.now = DAY + hour * 3600 + part
            answer = day.engine.recommend([_ask(rng)])[0]
            ledger.note(answer, day.now)
            bare += sum(
                source in PLACED and not override
                for source, override in zip(answer.slate.sources, answer.slate.overrides, strict=True)
            )
            lists += 1
            moved += lists % 10 == 0 and not _in_order(day, answer)
        day.exposure.exchange()
        day.control.turn_campaigns()
    day.now = DAY + 86_400
    day.control.turn_campaigns()
    return lists, bare, moved


def planned(document: dict[str, Any], now: float) -> float:
    """A promise pro rata of its run."""
    start, end = _run(document)
    return float(document["guarantee"] * min(max((now - start) / (end - start), 0.0), 1.0))


def _run(document: dict[str, Any]) -> tuple[float, float]:
    start, end = (datetime.fromisoformat(document[name]).timestamp() for name in ("start", "end"))
    return start, end


def _holds(document: dict[str, Any], ask: Ask, now: float) -> bool:
    """Whether a campaign of this script is for whoever asks."""
    start, end = _run(document)
    here = "territories" not in document or ask.viewer.territory in document["territories"]
    group = document.get("audience", "").partition('"')[2].rstrip('"')
    return start <= now < end and here and group in ("", ask.profile["group"])


def _in_order(day: Day, answer: Answer) -> bool:
    """Whether what has no id stands as the model alone would have it."""
    view = answer.view
    alone = replace(view, overrides=type(view.overrides).compile([], view.ids))
    ask = replace(answer.ask, k=DEEP)
    order = {item: at for at, item in enumerate(day.engine.recommend_on(alone, [ask])[0].slate.items.tolist())}
    own = [
        order.get(item, DEEP)
        for item, override in zip(answer.slate.items.tolist(), answer.slate.overrides, strict=True)
        if override is None
    ]
    return own == sorted(own)


def _event(day: Day, hour: int, names: list[str], off: set[str]) -> None:
    """What happens in the newsroom at the beginning of an hour; ``off`` is what it has stopped."""
    control = day.control
    if hour in (9, 15):
        control.take_down(names[9 if hour == 9 else 28], reason="court order", actor="Ben")  # 28 is promised
    if hour == 10:
        day.desk.pause("c03", ANNA)
        off.add("c03")
    if hour == 12:
        off ^= {"c03", "c13"}
        back = day.desk.resume("c03", ANNA)
        if back.state == "pending":
            day.desk.approve("c03", Said("Ben", "agreed", back.version))
        control.halt("campaign", "c13", "Ben", "wrong picture")
    if hour == 13:
        control.halt("all", "", "Anna", "a rehearsal")
        off |= {f"c{at:02}" for at in range(CAMPAIGNS)}
    if hour == 14:
        off &= {"c13"}
        halt = next(halt for halt in control.halts() if halt.scope == "all")
        control.request_release(halt.id, "Anna", "it is over")
        control.approve_release(halt.id, "Ben")
    if hour == 20:
        day.desk.revoke("c23", BEN)
        off.add("c23")


def _bring_on_air(day: Day, document: dict[str, Any]) -> None:
    name = document["id"]
    day.desk.create(document, ANNA)
    day.desk.validate(name, ANNA)
    filed = day.desk.submit(name, ANNA)
    if filed.state == "pending":
        day.desk.approve(name, Said("Ben", "agreed", filed.version))


def _document(at: int, names: list[str]) -> dict[str, Any]:
    """The campaign of a number: every action in turn, slots and works that others want too, limits, promises."""
    work, pool, slot = names[at % 17], names[at % 7 : at % 7 + 6], 1 + at % 5
    actions: list[dict[str, Any]] = [
        {"kind": "pin", "item_id": work, "slot": slot},
        {"kind": "boost", "item_id": work, "factor": 3.0},
        {"kind": "exclude", "item_id": names[-1 - at]},
        {"kind": "boost", "item_id": names[20 + at], "factor": 1.0},
        {"kind": "bury", "item_id": work, "factor": 0.5},
        {"kind": "fill", "slot": slot, "pool": pool, "quota": 2},
        {"kind": "present", "item_id": work, "title": "Another title"},
        {"kind": "row", "slot": slot, "title": "A row", "pool": pool, "size": 3},
        {"kind": "boost", "item_id": names[20 + at], "factor": 5.0},
        {"kind": "exclude", "item_id": names[0] if at == 9 else names[-1 - at]},
    ]
    action = actions[at % len(actions)]
    document: dict[str, Any] = {
        "id": f"c{at:02}",
        "actions": [action],
        "surfaces": ["feed"],
        "start": to_datetime(DAY + 3600 * (at % 4)).isoformat(),
        "end": to_datetime(DAY + 3600 * (24 - at % 3)).isoformat(),
        "priority": at % 3,
        "reason": "planned",
    }
    if action["kind"] == "boost":
        document |= {"guarantee": (40, 200, 5_000)[at % 3], "share": 0.3}
    if action["kind"] == "pin":
        document["caps"] = {"user_day": 2, "total": 300}
    if at % 6 == 1 and action["kind"] == "boost":
        document["sponsor"] = SPONSOR
    if at % 9 == 4:
        document["audience"] = f'profile.group == "g{at % AUDIENCES}"'
    if at % 8 == 3:
        document["territories"] = ["DE"]
    return document


def _ask(rng: np.random.Generator) -> Ask:
    territory = ("DE", "FR", "CN", None)[int(rng.integers(4))]
    user, group = f"u{int(rng.integers(USERS)):04}", f"g{int(rng.integers(AUDIENCES))}"
    return Ask(Viewer("feed", territory, 30), K, user_id=user, profile={"group": group})


def _opened(folder: Path, items: int) -> Day:
    data = works_and_users(items)
    recipes = ({"recipe": "als", "factors": 16, "epochs": 2}, {"recipe": "popular", "half_life_days": 30.0})
    write_fitted(folder / "b", replace(data, at=DAY), *recipes)
    holder: list[Day] = []

    def clock() -> float:
        return holder[0].now if holder else DAY

    control, state = ControlStore.open(folder / "control.db", clock), open_state(folder / "state.db")
    state.append(history_of(data))
    live = Live(load_bundle(folder / "b"), control, clock, policy="open")
    exposure = SharedExposure(control, clock)
    engine = Engine(live, control, state, clock, exposure=exposure, note=exposure.note)
    day = Day(control, Desk(control, FourEyes.load(), live.view()), engine, exposure)
    holder.append(day)
    return day


def _row(case: str, metric: str, found: int) -> dict[str, Any]:
    return row(case, metric, ours=float(found), peer=0.0, peer_name="the bar", paired=EXACT, bar="== 0", ok=found == 0)
