"""What a pack asks of lists beyond what may be shown: quotas, the budget of new works, when people come."""

import math
from typing import Annotated, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from recsys.safety import terms
from recsys.safety.parts import Count, Part, zone

DAY, WEEK = 24, 168  # hours


class Prominence(Part):
    """At least ``share`` of every list, rounded up, for works whose ``field`` has one of ``values``, without case.

    ``field`` is a column of the catalogue, such as language, provider, genres or one of its own. No surfaces or
    territories means all of them.
    """

    field: Annotated[str, Field(min_length=1)]
    values: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    surfaces: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()

    @field_validator("territories")
    @classmethod
    def _codes(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [code for code in codes if terms.territory(code) != code]:
            raise ValueError(f"{wrong[0]!r} is no territory; write ISO 3166-1 alpha-2 codes in upper case")
        return codes


class NewWorks(Part):
    """The exposure budget of new works; what each number does: ``recsys.overrides.ColdStart``.

    ``beyond_bundle``: only works that the bundle does not hold yet are taken in.
    """

    impressions: Count = 1000
    at_least: Count = 100
    rate: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.02
    days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
    daily: Count = 10_000
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.1
    zone: str = "UTC"
    surfaces: tuple[str, ...] = ()
    beyond_bundle: StrictBool = False

    @field_validator("zone")
    @classmethod
    def _known(cls, name: str) -> str:
        zone(name)
        return name

    @model_validator(mode="after")
    def _judged_within_the_budget(self) -> Self:
        if self.impressions < self.at_least:
            raise ValueError("impressions is below at_least; a work is judged within its budget")
        return self


class Profile(Part):
    """Expected requests by hour, in place of the service's own counts: 24 weights of a day, or 168 from Monday 00:00.

    Only their ratios count. Without a ``zone`` the hours are those of each campaign's own clocks.
    """

    hours: tuple[float, ...]
    zone: str | None = None

    @field_validator("hours")
    @classmethod
    def _weights(cls, hours: tuple[float, ...]) -> tuple[float, ...]:
        if len(hours) not in (DAY, WEEK):
            raise ValueError(f"there are {len(hours)} weights; write {DAY} of a day or {WEEK} of a week")
        if not all(math.isfinite(weight) and weight >= 0 for weight in hours) or not any(hours):
            raise ValueError("weights are at least 0, and one is above")
        return hours

    @field_validator("zone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            zone(name)
        return name
