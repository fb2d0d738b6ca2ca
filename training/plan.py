"""Which sections of a spec a log gets, and how long each may take: what makes one spec serve logs of every kind."""

import operator
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from recsys.dataset.data import Dataset
from recsys.errors import ConfigError
from recsys.models.recipe import Recipe
from training.news import is_news

FACTS = ("events", "users", "items", "timed", "ordered", "profiles", "content", "news")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_TERM = re.compile(r"(not\s+)?([a-z]+)(?:\s*(<=|>=|<|>)\s*([0-9][0-9_]*))?")
_CHOOSING = 0.5  # of a budget; the rest is for refitting what was chosen
_LARGE, _LEAST = 3_000_000, 0.4  # events that a budget is meant for; what a small log has of the time to choose in
_AGAIN = 0.5  # of its share for a fit that ends by patience: it is fitted for as long again, and once more if it wins
_SPENT = 0.75  # of a budget: after that no further section is begun


class Budget(BaseModel):
    """How long a training run should take on 3 million events.

    It is kept by choosing less, never by fitting what was chosen less well; on fewer events there is less time to
    choose in, down to two fifths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    minutes: float | None = Bounded(default=None, gt=0, allow_inf_nan=False)


@dataclass(frozen=True)
class Term:
    """``timed``, ``not timed`` or ``items <= 20000``."""

    fact: str
    negated: bool = False
    compare: str | None = None
    number: float = 0.0

    def holds(self, facts: Mapping[str, float]) -> bool:
        """Whether a log with these facts is meant."""
        value = facts[self.fact]
        found = value > 0 if self.compare is None else _COMPARE[self.compare](value, self.number)
        return found != self.negated


def parse_when(text: str) -> tuple[Term, ...]:
    """Terms joined by ``and``; ValueError says what is not understood."""
    return tuple(_term(part.strip(), text) for part in re.split(r"\s+and\s+", text.strip()))


def _term(part: str, text: str) -> Term:
    match = _TERM.fullmatch(part)
    if match is None or match[2] not in FACTS:
        raise ValueError(
            f'when = {text!r} is not understood; write facts such as "timed and items <= 20000". '
            f"Known are: {', '.join(FACTS)}"
        )
    return Term(match[2], match[1] is not None, match[3], float((match[4] or "0").replace("_", "")))


def facts_of(data: Dataset) -> dict[str, float]:
    """What conditions speak of: counts, and 1 for what a log has."""
    catalogue = data.catalogue
    described = any(any(catalogue.lists(name)[:1000]) for name in ("genres", "tags", "authors", "attributes"))
    return {
        "events": data.n_events,
        "users": int(np.count_nonzero(np.diff(data.indptr))),
        "items": int(np.count_nonzero(np.bincount(data.item, minlength=data.n_items))),
        "timed": float(2 * np.count_nonzero(np.isfinite(data.time)) >= max(data.n_events, 1)),
        "ordered": float(data.ordered),
        "profiles": float(bool(data.profiles)),
        "content": float(described),
        "news": float(is_news(data)),
    }


def fitting(
    models: Mapping[str, Recipe], when: Mapping[str, str], facts: Mapping[str, float]
) -> tuple[dict[str, Recipe], dict[str, str]]:
    """The sections for a log, without parts that are not for it; and why each of the others is left out.

    Raises ConfigError where none is left.
    """
    absent = {
        name: f"it is for logs where {text}"
        for name, text in when.items()
        if not all(term.holds(facts) for term in parse_when(text))
    }
    return without(models, absent)


def without(models: Mapping[str, Recipe], absent: Mapping[str, str]) -> tuple[dict[str, Recipe], dict[str, str]]:
    """Sections less some, in what others are made of too; with the reasons, grown by what has no part left."""
    gone = [models[name] for name in absent if name in models]
    kept: dict[str, Recipe] = {}
    why = dict(absent)
    for name, recipe in models.items():
        if name in absent:
            continue
        trimmed = _trimmed(recipe, gone)
        if trimmed is None:
            why[name] = "none of its parts is left"
        else:
            kept[name] = trimmed
    if not kept:
        raise ConfigError("No section of the spec is for this log: " + "; ".join(f"{k}: {v}" for k, v in why.items()))
    return kept, why


def _trimmed(recipe: Recipe, gone: list[Recipe]) -> Recipe | None:
    parts: Any = getattr(recipe, "parts", None)
    if parts is None:
        return recipe
    left = [_trimmed(part, gone) for part in parts if part not in gone]
    parts = tuple(part for part in left if part is not None)
    return recipe.model_copy(update={"parts": parts}) if parts else None


def searches(recipe: Recipe) -> bool:
    """Whether a section looks for settings by the clock; one made of parts takes these as they were chosen."""
    return not hasattr(recipe, "parts")


@dataclass
class Clock:
    """The time of a run. Sections that need less than their share leave the rest to those that come after them."""

    minutes: float | None
    sections: int  # that search
    windows: int = 1
    events: int = _LARGE
    begun: float = field(default_factory=time.monotonic)
    done: int = 0  # of the sections that search

    def until(self, recipe: Recipe | None = None) -> float:
        """The monotonic moment until which the next section, in one window, may look for settings."""
        if self.minutes is None:
            return float("inf")
        now = time.monotonic()
        whole = 60 * self.minutes * _CHOOSING * min(max(self.events / _LARGE, _LEAST), 1.0)
        left = max(whole - (now - self.begun), 0.0)
        share = _AGAIN if hasattr(recipe, "patience") else 1.0
        return now + share * left / max(self.sections - self.done, 1) / self.windows

    def spent(self) -> str | None:
        """A sentence where it is too late to begin another section."""
        passed = (time.monotonic() - self.begun) / 60
        if self.minutes is None or passed <= self.minutes * _SPENT:
            return None
        return f"{passed:.0f} of the {self.minutes:g} minutes of [budget] are spent"
