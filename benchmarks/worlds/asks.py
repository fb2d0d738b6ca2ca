"""Random requests: crowds of viewers who ask for lists between two things that happen."""

from typing import Any

from benchmarks.oracle import Ledger
from benchmarks.worlds.dice import Dice
from benchmarks.worlds.items import CODES
from benchmarks.worlds.packs import SURFACES

Record = dict[str, Any]
FILTERS: list[tuple[str, list[Any]]] = [
    ("'war' in genres", ["contains", "genres", "war"]),
    ("year >= 1990", [">=", "year", 1990]),
    ("year < 2010 && language == 'zh'", ["and", ["<", "year", 2010], ["==", "language", "zh"]]),
    ("media_type != 'news' || has(year)", ["or", ["!=", "media_type", "news"], ["has", "year", None]]),
    ("'slow' in tags", ["contains", "tags", "slow"]),
]
USERS = tuple(f"u{n}" for n in range(6))
CROWD = 8  # classes of viewers at most that ask at one time


class Crowds:
    """Makes up who asks, and for what."""

    def __init__(self, rng: Dice, dims: frozenset[str], ledger: Ledger) -> None:
        self._rng, self._dims, self._ledger = rng, dims, ledger
        self._strangers = 0

    def ask(self, count: int) -> list[Record]:
        """So many requests of viewers of a few classes."""
        rng = self._rng
        crowd = [self._viewer() for _ in range(rng.randint(1, CROWD))]
        return [self._ask(rng.choice(crowd)) for _ in range(count)]

    def _viewer(self) -> Record:
        rng = self._rng
        return {
            "surface": rng.choice([*SURFACES, "feed", "feed", "popup"]),
            "territory": rng.choice([*CODES, None, "DE", "JP", "WW", "nowhere", "de"]),
            "age": rng.choice([None, 0, 2, 5, 8, 12, 13, 15, 16, 17, 18, 30, 30, 30, -1]),
        }

    def _item(self) -> str:
        return self._rng.choice(list(self._ledger.items))

    def _some(self, most: int) -> list[str]:
        return [self._item() for _ in range(self._rng.randint(0, most))]

    def _user(self) -> str | None:
        if "users" not in self._dims:
            return None
        if self._rng.random() < 0.1:
            self._strangers += 1
            return f"stranger {self._strangers}"
        return self._rng.choice([None, *USERS])

    def _ask(self, viewer: Record) -> Record:
        rng, dims = self._rng, self._dims
        condition = rng.choice(FILTERS) if "filters" in dims and rng.random() < 0.2 else None
        return {
            "do": "ask",
            **viewer,
            "personalised": rng.random() < 0.85,
            "k": rng.choice([1, 3, 5, 5, 10, 10, 10, 20, 20, 50, 250]),
            "user": self._user(),
            "session": self._some(3) if rng.random() < 0.3 else [],
            "exclude": [*self._some(4), "absent"] if rng.random() < 0.2 else [],
            "filter": None if condition is None else {"text": condition[0], "rule": condition[1]},
            "series": rng.choice(["next", "next", "all"]),
            "similar_to": self._item() if rng.random() < 0.05 else None,
            "profile": rng.choice([{}, {"language": "zh"}, {"language": "en"}]),
            "context": rng.choice([{}, {}, {"page": "festival"}]),
            "explain": rng.random() < 0.2,
            "seed": rng.choice([None, rng.randint(0, 9)]),
            "late": rng.random() < 0.03,
            "pages": rng.choice([2, 4]) if "pages" in dims and rng.random() < 0.05 else 1,
        }
