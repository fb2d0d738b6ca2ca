"""What a setting may be, and how one value of it is drawn."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from recsys.errors import ConfigError

NARROW = 1 / 6  # of a span, to either side of what did best before


@dataclass(frozen=True)
class Span:
    """Numbers from ``low`` to ``high``, both included; ``log`` draws evenly by ratio, ``whole`` draws integers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, trial: Trial, name: str) -> float | int:
        """A value for this trial; of a fraction three digits are kept, so that people can read and repeat it."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return self._inside(float(f"{trial.suggest_float(name, self.low, self.high, log=self.log):.3g}"))

    def nearest(self, value: Any) -> float | None:
        """``value``, or the end next to it where it lies outside; None where it is no number."""
        return self._inside(value) if _is_number(value) else None

    def near(self, value: Any) -> "Span":
        """The third of the span around a value."""
        if not _is_number(value):
            return self
        value = self._inside(value)
        if self.log:
            reach = (self.high / self.low) ** NARROW
            low, high = value / reach, value * reach
        else:
            reach = (self.high - self.low) * NARROW
            low, high = value - reach, value + reach
        if self.whole:
            low, high = math.floor(low), math.ceil(high)
        return Span(max(low, self.low), min(high, self.high), self.log, self.whole)

    def distribution(self) -> BaseDistribution:
        """In Optuna's words."""
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def plain(self) -> dict[str, Any]:
        """As a spec would say it."""
        return {"low": self.low, "high": self.high, "log": self.log}

    def _inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def draw(self, trial: Trial, name: str) -> Any:
        """A value for this trial; where there is but one, nothing is drawn."""
        return self.values[0] if len(self.values) == 1 else trial.suggest_categorical(name, self.values)

    def nearest(self, value: Any) -> Any:
        """``value`` where it is one of them, else None."""
        return value if value in self.values else None

    def near(self, value: Any) -> "Choice":
        """All of them: values without an order have no neighbours."""
        return self

    def distribution(self) -> BaseDistribution:
        """In Optuna's words."""
        return CategoricalDistribution(self.values)

    def plain(self) -> list[Any]:
        """As a spec would say it."""
        return list(self.values)


Range = Span | Choice
Space = Mapping[str, Range]  # by field


def read(told: Any, place: str) -> Range:
    """A range of plain values: ``{low, high, log}``, a list of choices, or one value that the field is held at.

    Raises ConfigError naming ``place``.
    """
    if isinstance(told, Mapping):
        return _span(told, place)
    values = told if isinstance(told, list) else [told]
    if not values or any(not isinstance(value, str | int | float | bool) for value in values):
        raise ConfigError(f"{place} = {told!r}: give numbers, words or true and false to choose from, at least one.")
    return Choice(tuple(dict.fromkeys(values)))


def _span(told: Mapping[str, Any], place: str) -> Span:
    strange = sorted(set(told) - {"low", "high", "log"})
    if strange:
        raise ConfigError(f"{place}.{strange[0]}: a range has low, high and log, and nothing else.")
    low, high, log = told.get("low"), told.get("high"), told.get("log", False)
    if not (_is_number(low) and _is_number(high) and isinstance(log, bool)):
        raise ConfigError(f"{place}: low and high must be numbers and log true or false.")
    if low >= high:
        raise ConfigError(f"{place}: low = {low} must be below high = {high}.")
    if log and low <= 0:
        raise ConfigError(f"{place}: low = {low} must be above 0 where log = true.")
    return Span(low, high, log)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
