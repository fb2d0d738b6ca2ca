"""Search over settings with the same budget for every side; what was tried is kept, so that a search goes on."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc

VAR = Path("var/bench")


class Range(Protocol):
    """What a setting may be."""

    def at(self, place: float) -> Any:
        """The value at a place in [0, 1)."""
        ...


@dataclass(frozen=True)
class Log:
    """Log-uniform between two numbers."""

    low: float
    high: float

    def at(self, place: float) -> float:
        return float(f"{self.low * (self.high / self.low) ** place:.3g}")


@dataclass(frozen=True)
class Pick:
    """One of some values."""

    values: tuple[Any, ...]

    def at(self, place: float) -> Any:
        return self.values[int(place * len(self.values))]


Space = Mapping[str, Range]


@dataclass(frozen=True)
class Tried:
    """One setting and how it did on the validation slice."""

    settings: dict[str, Any]  # with everything that the fit chose
    validation: float
    seconds: float  # of the whole trial, its evaluation included


def draws(space: Space, n: int, seed: int = 0) -> list[dict[str, Any]]:
    """``n`` settings spread evenly over the space (Halton 1960), the same ones for the same seed."""
    if not n:
        return []
    places = qmc.Halton(len(space), rng=np.random.default_rng(seed)).random(n)  # (n, settings)
    return [{name: values.at(float(u)) for (name, values), u in zip(space.items(), row, strict=True)} for row in places]


class Journal:
    """What was tried, one JSON line each in a file: a search that was interrupted does nothing twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.is_file() else []
        self._known = {record.pop("key"): Tried(**record) for record in map(json.loads, lines)}

    def once(self, settings: Mapping[str, Any], score: Callable[[], tuple[dict[str, Any], float]]) -> Tried:
        """The trial of ``settings``, by ``score`` where it is new; ``score`` gives the settings in full and NDCG."""
        key = json.dumps(settings, sort_keys=True)
        if key not in self._known:
            begin = time.perf_counter()
            full, value = score()
            tried = Tried(full, value, round(time.perf_counter() - begin, 1))
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps({"key": key, **vars(tried)}) + "\n")
            self._known[key] = tried
        return self._known[key]


def journal(bench: str, case: str, side: str, *, quick: bool) -> Journal:
    """The journal of one side of a case under ``var/bench``."""
    return Journal(VAR / "tuning" / f"{bench}-{case}-{side}{'-quick' if quick else ''}.jsonl")
