"""Four eyes: for which campaigns whoever approves is not whoever wrote. The rules are data."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from recsys.errors import ConfigError
from recsys.overrides import Campaign, Fill, Row
from recsys.overrides.actions import KINDS, PROMOTIONS

SHIPPED = Path(__file__).with_name("four_eyes.toml")
FIELDS = frozenset({"because", "kinds", "surfaces", "sponsored", "share_above", "minors"})


@dataclass(frozen=True, slots=True)
class Rule:
    """When a second person is needed; what is left at its default does not matter."""

    because: str
    kinds: frozenset[str] = frozenset()
    surfaces: frozenset[str] = frozenset()
    sponsored: bool = False
    share_above: float | None = None
    minors: bool = False

    def holds(self, campaign: Campaign, minor_surfaces: Collection[str], list_length: int) -> bool:
        """Whether all that the rule names is true of a campaign."""
        everywhere = not campaign.surfaces
        return (
            (not self.kinds or any(action.kind in self.kinds for action in campaign.actions))
            and (not self.surfaces or everywhere or bool(self.surfaces & campaign.surfaces))
            and (not self.sponsored or campaign.sponsor is not None)
            and (self.share_above is None or part(campaign, list_length) > self.share_above)
            and (not self.minors or everywhere or bool(campaign.surfaces & set(minor_surfaces)))
        )


@dataclass(frozen=True, slots=True)
class FourEyes:
    """All rules."""

    rules: tuple[Rule, ...]
    list_length: int = 10

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The rules of a TOML file, or those that ship. ConfigError names what cannot be."""
        path = path or SHIPPED
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
            rules = tuple(_rule(rule, at) for at, rule in enumerate(given.get("rules", []), 1))
            length = given.get("list_length", 10)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"The rules of four eyes in {path} cannot be read: {error}. Correct the file.") from None
        if type(length) is not int or length < 1:
            raise ConfigError(f"list_length in {path} is {length!r}; write a whole number from 1.")
        return cls(rules, length)

    def why(self, campaign: Campaign, minor_surfaces: Collection[str]) -> tuple[str, ...]:
        """Why a second person has to approve a campaign; empty where one is enough."""
        return tuple(r.because for r in self.rules if r.holds(campaign, minor_surfaces, self.list_length))


def part(campaign: Campaign, list_length: int) -> float:
    """The part of a list that a campaign may take: its positions, held by its share."""
    positions = 0
    for action in campaign.actions:
        if action.kind in PROMOTIONS:
            positions += action.quota if isinstance(action, Fill) else action.size if isinstance(action, Row) else 1
    reckoned = min(positions / list_length, 1.0)
    return reckoned if campaign.share is None else min(reckoned, campaign.share)


def _rule(given: dict[str, Any], number: int) -> Rule:
    if unknown := sorted(set(given) - FIELDS):
        raise ValueError(f"rule {number} has no field {unknown[0]!r}; known are {', '.join(sorted(FIELDS))}")
    if not isinstance(given.get("because"), str) or len(given) < 2:
        raise ValueError(f"rule {number} needs because and at least one condition")
    kinds = frozenset(given.get("kinds", ()))
    if kinds - set(KINDS):
        raise ValueError(
            f"rule {number} names the kind {sorted(kinds - set(KINDS))[0]!r}; known are {', '.join(KINDS)}"
        )
    return Rule(**{**given, "kinds": kinds, "surfaces": frozenset(given.get("surfaces", ()))})
