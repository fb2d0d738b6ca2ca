"""What an event means and which events count: the part of a run spec that turns a log into training data."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, field_validator

from recsys.dataset.splitspec import SplitSpec
from recsys.types import BoolArray

__all__ = ["Condition", "EventRule", "PrepareSpec", "SplitSpec", "parse_condition", "rule_of", "weight_of"]

AUTO = "auto"
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*value\s*(>=|<=|==|!=|>|<)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """``value <compare> number``; without a comparison it always, or never, holds."""

    always: bool = False
    compare: str | None = None
    number: float = 0.0

    def holds(self, values: Any) -> Any:
        """The comparison on numpy arrays and Ibis columns alike; only where ``compare`` is set."""
        return _COMPARE[self.compare or ">="](values, self.number)

    def __str__(self) -> str:
        return str(self.always).lower() if self.compare is None else f"value {self.compare} {self.number:.15g}"


def parse_condition(text: str) -> Condition:
    """Read ``true``, ``false`` or ``value OP number``; raises ValueError for anything else."""
    if text.strip().lower() in ("true", "false"):
        return Condition(always=text.strip().lower() == "true")
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(f'positive = {text!r} is not understood; write "true", "false" or "value >= 4"')
    return Condition(compare=match[1], number=float(match[2]))


class EventRule(BaseModel):
    """What one kind of event is worth, and when it counts as liked.

    ``auto`` stands for ``true``, and for the kind ``rating`` for what ``PrepareSpec`` says of ratings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(default=1.0, gt=0, le=1e6, allow_inf_nan=False)
    positive: str = "auto"  # auto | true | false | value OP number

    @field_validator("positive", mode="before")
    @classmethod
    def _normal(cls, text: Any) -> str:
        return AUTO if str(text).strip().lower() == AUTO else str(parse_condition(str(text)))

    @property
    def condition(self) -> Condition:
        """``positive``, parsed; ``auto`` is true here."""
        return Condition(always=True) if self.positive == AUTO else parse_condition(self.positive)

    def positive_mask(self, values: ArrayLike) -> BoolArray:
        """(events,) which of these events count as liked; an unknown value (NaN) satisfies no comparison."""
        known = np.asarray(values, np.float64)
        condition = self.condition
        if condition.compare is None:
            return np.full(known.shape, condition.always, np.bool_)
        return np.asarray(condition.holds(known) & ~np.isnan(known), np.bool_)


ANY_EVENT = EventRule()


def rule_of(rules: Mapping[str, EventRule], kind: str) -> EventRule:
    """The rule of a kind; a kind without one weighs 1 and is positive."""
    return rules.get(kind, ANY_EVENT)


def weight_of(rules: Mapping[str, EventRule], kind: str) -> float:
    """The weight of one event of a kind."""
    return rule_of(rules, kind).weight


class PrepareSpec(BaseModel):
    """How a lake becomes a data set.

    A kind without a rule weighs 1 and is positive; the kind ``rating`` is positive at or above 70 % of the observed
    scale unless its rule says otherwise. The minimum counts are of events, and are applied again and again until
    every user and every item that is left reaches them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: dict[str, EventRule] = Field(default_factory=dict)  # by kind
    min_user_events: int = Field(default=1, ge=1)
    min_item_events: int = Field(default=1, ge=1)
    session_gap_minutes: float = Field(default=30.0, gt=0, le=1e6, allow_inf_nan=False)
    returns: bool = False  # whether works may be recommended again once consumed (music)
