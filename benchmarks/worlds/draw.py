"""A world from a seed: what there is, and then what happens, step by step."""

from random import Random
from typing import Any

from benchmarks.oracle import Ledger
from benchmarks.worlds.asks import Crowds
from benchmarks.worlds.campaigns import quota
from benchmarks.worlds.dice import Dice
from benchmarks.worlds.happenings import DIMENSIONS, Happenings
from benchmarks.worlds.items import record
from benchmarks.worlds.packs import pack

Record = dict[str, Any]
SIZES = (20, 30, 40, 60, 60, 120)  # works
BETWEEN = (10, 120)  # requests between two times at which something happens
CONFIRMED = 0.85  # how often the policy is confirmed when the clock has moved, or most lists would be of a stale one
TICKING = 8  # requests while the clock moves on whenever it is read


def world(
    seed: int, requests: int, dims: frozenset[str] = frozenset(DIMENSIONS), between: tuple[int, int] = BETWEEN
) -> Record:
    """A world in which about so many lists are asked for, least and most of them ``between`` two happenings."""
    rng = Dice(seed)
    size = rng.choice(SIZES)
    made: Record = {
        "seed": seed,
        "now": rng.start,
        "returns": rng.random() < 0.2,
        "pack": pack(rng, dims),
        "items": [record(rng, f"i{n:03}", dims) for n in range(size)],
        "scores": [[_score(rng) for _ in range(size)] for _ in range(2)],
        "content": rng.random() < 0.25,
        "diversity": rng.choice([0.0, 0.0, 0.5]),
        "exploration": rng.choice([0.0, 0.5]),
        "quotas": [],
        "steps": [],
    }
    if "campaigns" in dims:
        made["quotas"] = [quota(rng, number) for number in range(rng.choice([0, 0, 1, 2]))]
    _tell(rng, made, dims, (requests, *between))
    return made


def _score(rng: Random) -> float | None:
    return None if rng.random() < 0.15 else round(rng.random(), 3)


def _tell(rng: Dice, made: Record, dims: frozenset[str], counts: tuple[int, int, int]) -> None:
    """What happens, with a ledger of its own that knows what there is."""
    ledger, (requests, least, most) = Ledger(made), counts
    happenings, crowds = Happenings(rng, dims, ledger), Crowds(rng, dims, ledger)

    def add(steps: list[Record]) -> None:
        for step in steps:
            ledger.tell(step)
        made["steps"] += steps

    if "campaigns" in dims:
        for _ in range(rng.randint(0, 6)):
            one = happenings.campaign()
            add([{"do": "campaign", "act": "file", "id": one["id"], "campaign": one}])
    asked, due = 0, 8
    while asked < requests:
        for _ in range(due):
            if (step := happenings.next()) is None:
                continue
            add([step])
            if step["do"] == "tick":
                add([*crowds.ask(TICKING), {"do": "tick", "by": 0.0}])
                asked += TICKING
            elif step["do"] == "clock" and rng.random() < CONFIRMED:
                add([{"do": "confirm", "at": ledger.now}])
        count = min(rng.randint(least, most), max(0, requests - asked))
        add(crowds.ask(count))
        asked, due = asked + count, rng.randint(1, 3)
