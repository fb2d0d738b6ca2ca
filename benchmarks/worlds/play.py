"""A world played to its end: the service answers, the oracle judges."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks.oracle import Ledger, faults
from benchmarks.worlds.forms import ask_of
from benchmarks.worlds.notes import Notes
from benchmarks.worlds.stage import Stage
from benchmarks.worlds.tally import Tally
from serving.api.encode import encode_list
from serving.asks import Answer, AskError

Record = dict[str, Any]
BATCH = 64  # requests of one call at most
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Outcome:
    """How a world went."""

    requests: int = 0
    shown: int = 0
    short: int = 0  # lists with fewer than k, rightly or not
    faults: list[Record] = field(default_factory=list)  # each with the number of its step
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0  # of CPU


def play(world: Record, *, most: int = 1) -> Outcome:
    """Play a world until it has so many faults; whatever the service raises is one."""
    found, ledger, stage = Outcome(), Ledger(world), Stage(world)
    notes = Notes(found.tally, ledger)
    try:
        for place, steps in _together(world["steps"], stage):
            if steps[0]["do"] == "ask":
                _judge(found, notes, stage, (place, steps), ledger)
            elif stage.tell(steps[0]):
                notes.change(steps[0])
                ledger.tell(steps[0])
            if len(found.faults) >= most:
                break
    finally:
        stage.close()
    return found


def _judge(found: Outcome, notes: Notes, stage: Stage, asked: tuple[int, list[Record]], ledger: Ledger) -> None:
    place, steps = asked
    try:
        lists = _lists(stage, steps)
    except Exception as error:  # noqa: BLE001 - no request may fail, whatever the reason
        found.faults.append({"fault": "crashed", "why": repr(error)[:300], "step": place})
        return
    ledger.on_trial(judging=stage.trying)
    for at, (ask, pages) in enumerate(zip(steps, lists, strict=True), place):
        found.requests += len(pages)
        found.shown += sum(len(page["items"]) for page in pages)
        found.short += sum(len(page["items"]) < ask["k"] for page in pages)
        notes.request(ask, pages, ticking=bool(stage.ticks))
        found.faults += [{**fault, "step": at} for fault in _sided(ledger, stage.readings, ask, pages)]
    notes.judged(steps[-1], canary=ledger.share() == 1)
    ledger.now = stage.readings[-1]


def _sided(ledger: Ledger, readings: list[float], ask: Record, pages: list[Record]) -> list[Record]:
    """The faults of a list; with a canary for a part of the requests, on the side on which its viewer stays."""
    share = ledger.share()
    if share in (0.0, 1.0):
        return _lasting(ledger, readings, ask, pages, canary=share == 1)
    who = ask["user"] or "\n".join(ask["session"]) or str(ask["seed"])
    found = {side: _lasting(ledger, readings, ask, pages, canary=side) for side in ledger.sides.get(who, (False, True))}
    left = {side for side, faulty in found.items() if not faulty}
    if not left:
        return next(iter(found.values()))
    ledger.sides[who] = left
    return []


def _lasting(ledger: Ledger, readings: list[float], ask: Record, pages: list[Record], *, canary: bool) -> list[Record]:
    """The faults of a list by every reading of the clock that was made for it: usually there is one."""
    moments = sorted(set(readings))
    if len(moments) == 1:
        return faults(ledger, ask, pages, canary=canary)
    kept: list[Record] = []
    for number, ledger.now in enumerate(moments):
        found = faults(ledger, ask, pages, every=True, canary=canary)
        same = {(one["fault"], one["item"]) for one in found}
        kept = found if not number else [one for one in kept if (one["fault"], one["item"]) in same]
    return kept


def _lists(stage: Stage, steps: list[Record]) -> list[list[Record]]:
    """The pages of each list."""
    stage.readings.clear()
    first = stage.answer([ask_of(step) for step in steps])
    lists = []
    for step, answer in zip(steps, first, strict=True):
        pages = [_page(answer)]
        while len(pages) < step["pages"] and answer.next_page is not None:
            try:
                answer = stage.answer([ask_of(step, answer.next_page)])[0]
            except AskError:  # a token of more than an hour ago, where the clock runs fast
                break
            pages.append(_page(answer))
        lists.append(pages)
    return lists


def _page(answer: Answer) -> Record:
    """What the bytes of an answer say."""
    told = _decode(encode_list(answer))["items"]
    items = [one["item_id"] for one in told]
    return {"items": items, "told": told, "because": [one.get("because", []) for one in told]}


def _together(steps: list[Record], stage: Stage) -> Iterator[tuple[int, list[Record]]]:
    """Requests that follow each other in batches, everything else alone; each with the place of its first."""
    place = 0
    while place < len(steps):
        end, most = place + 1, 1 if stage.ticks else BATCH
        while steps[place]["do"] == "ask" and end - place < most and end < len(steps) and steps[end]["do"] == "ask":
            end += 1
        yield place, steps[place:end]
        place = end
