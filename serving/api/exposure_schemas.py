"""JSON of the exposure report."""

from typing import Literal

from msgspec import Struct


class MissedBody(Struct, frozen=True, kw_only=True):
    """A reason for what is missing: how many impressions it explains, and in how many lists it was met."""

    reason: str
    says: str
    impressions: int
    lists: int


class HourBody(Struct, frozen=True):
    """Impressions of one hour."""

    hour: str
    n: int


class ExposureBody(Struct, frozen=True, kw_only=True):
    """One campaign: what was shown, promised, planned by now, and why less was shown than planned."""

    campaign: str
    name: str
    state: str
    status: str
    delivered: int
    by_slot: dict[int, int]
    by_hour: tuple[HourBody, ...]
    promised: int | None
    planned: int | None
    missing: int
    lists: int
    why: tuple[MissedBody, ...]


class NewWorkBody(Struct, frozen=True, kw_only=True):
    """A new work: where it stands, what was counted, and the 95 % interval of its positives an impression."""

    item_id: str
    stage: Literal["exploring", "graduated", "stopped"]
    since: str
    impressions: int
    positives: int
    low: float
    high: float
    ended_at: str | None


class UnmetBody(Struct, frozen=True, kw_only=True):
    """Positions that one reason has kept from a quota, and in how many lists."""

    reason: str
    missing: int
    lists: int


class QuotaHourBody(Struct, frozen=True, kw_only=True):
    """What came of a quota in the hour that begins at ``hour``."""

    hour: str
    lists: int
    wanted: int
    got: int
    missing: int


class QuotaBody(Struct, frozen=True, kw_only=True):
    """What came of a quota; positions summed over the lists in which it held."""

    quota: str
    lists: int
    wanted: int
    got: int
    missing: int
    unmet: int
    why: tuple[UnmetBody, ...]
    by_hour: tuple[QuotaHourBody, ...]


class ExposureReport(Struct, frozen=True, kw_only=True):
    """What was shown for editors, for new works and for quotas."""

    campaigns: tuple[ExposureBody, ...]
    new_works: tuple[NewWorkBody, ...]
    quotas: tuple[QuotaBody, ...]
