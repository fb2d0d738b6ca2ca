"""What a policy pack is made of. All parts are frozen, and an unknown key is a mistake."""

from collections.abc import Iterable
from datetime import time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    field_validator,
    model_validator,
)

from recsys.dataset.catalogue import JUDGED_LISTS, JUDGED_TEXTS, LIST_FIELDS, TEXT_FIELDS
from recsys.safety import terms
from recsys.safety.verdict import VERDICTS, Verdict

MAX_AGE = 99
LABELS = "labels"
_FIELDS = (*LIST_FIELDS, *TEXT_FIELDS, *JUDGED_LISTS, *JUDGED_TEXTS)
RULE_FIELDS = tuple(name for name in _FIELDS if name != "territories")
LIST = "list:"  # how a rule names one of the pack's lists


def _read_verdict(value: object) -> Verdict:
    if isinstance(value, Verdict):
        return value
    if not isinstance(value, str) or value not in VERDICTS:
        raise ValueError(f"{value!r} is no verdict; write one of {', '.join(VERDICTS)}")
    return VERDICTS[value]


def _read_policy_verdict(value: object) -> Verdict:
    verdict = _read_verdict(value)
    if verdict is Verdict.TAKEDOWN:
        raise ValueError("a takedown is an order about one item, not a policy; write 'block'")
    return verdict


PackVerdict = Annotated[
    Verdict, BeforeValidator(_read_policy_verdict), PlainSerializer(lambda verdict: verdict.code, return_type=str)
]
Age = Annotated[int, Field(ge=0, le=MAX_AGE, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]


class Part(BaseModel):
    """One table of a pack."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SurfaceChange(Part):
    """What one surface asks of an item; what is left out is the safe side.

    A strict surface shows the cleared pool only, to everybody. ``unknown_age`` is the age assumed of a viewer whose
    age is unknown (None: the lowest band). ``minors`` says that whoever looks is a minor. ``minors_cleared_only``
    says that a viewer known to be a minor sees the cleared pool only, on a surface that is not strict too.
    ``show_limited`` is for surfaces that a viewer asks something of, such as search: what is only limited is shown.
    ``unrated`` is the verdict on an item of the pack's ``rated_media`` without a rating.
    """

    strict: StrictBool = True
    minors: StrictBool = False
    minors_cleared_only: StrictBool = True
    show_limited: StrictBool = False
    unlabelled: PackVerdict = Verdict.HOLD
    unknown_label: PackVerdict = Verdict.HOLD
    unrated: PackVerdict = Verdict.ALLOW
    unknown_age: Age | None = None
    max_per_creator: Count | None = None
    max_per_topic: Count | None = None


class Surface(SurfaceChange):
    """A surface as a whole, checked."""

    @model_validator(mode="after")
    def _strict_is_strict(self) -> Self:
        if self.minors and not self.strict:
            raise ValueError("a surface for minors is strict; write strict = true")
        if self.strict and self.show_limited:
            raise ValueError("a strict surface shows the cleared pool only; write show_limited = false")
        for key in ("unlabelled", "unknown_label"):
            if self.strict and getattr(self, key) < Verdict.HOLD:
                raise ValueError(f"a strict surface shows the cleared pool only; write {key} = 'hold' or stricter")
        return self


class Meaning(Part):
    """A verdict, other verdicts on some surfaces, and the youngest age that an item is fit for."""

    verdict: PackVerdict
    surfaces: dict[str, PackVerdict] = {}
    min_age: Age | None = None


class Band(Meaning):
    """What a label means from a score on, up to the next band."""

    at_least: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Label(Meaning):
    """What a label means. With ``bands`` a label that comes with a score means what its band says, and only that.

    ``clears`` false: the label says nothing of whether an item is harmless. ``part``: the label speaks of the item's
    title or artwork alone, which is withheld while the item is shown. ``ai``: the label tells viewers that an item
    was made by a machine.
    """

    bands: tuple[Band, ...] = ()
    clears: StrictBool = True
    part: Literal["item", "title", "artwork"] = "item"
    ai: StrictBool = False

    @field_validator("bands")
    @classmethod
    def _cover_every_score(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        starts = [band.at_least for band in bands]
        if starts and (starts != sorted(set(starts)) or starts[0] != 0):
            raise ValueError("bands rise from at_least = 0, so that every score lies in one")
        return bands

    def at(self, floor: float) -> Meaning:
        """What the label means at a score, given as the start of its band; negative = without a score."""
        found: Meaning = self
        for band in self.bands:
            if band.at_least <= floor:
                found = band
        return found


class Rule(Part):
    """Labels items by their fields, beside the labels that they bring.

    It applies where ``field`` has a value of ``any_of`` and none of ``none_of``, unless another field has one of the
    values that ``unless`` names for it, or any value at all where it names none. With ``otherwise`` it applies where
    neither the item nor an earlier rule gave a label. Values are compared without case; ``list:NAME`` stands for those
    of a list of the pack. ``id`` names the rule in verdicts; its place if there is none.
    """

    id: Annotated[str, Field(min_length=1)] | None = None
    field: str | None = None
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    unless: dict[str, tuple[str, ...]] = {}
    otherwise: StrictBool = False
    labels: tuple[str, ...] = ()
    min_age: Age | None = None

    @field_validator("field")
    @classmethod
    def _known_field(cls, value: str | None) -> str | None:
        if value is not None and value not in RULE_FIELDS:
            raise ValueError(_no_field(value))
        return value

    @field_validator("any_of", "none_of", mode="after")
    @classmethod
    def _compared(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return _plain(values)

    @field_validator("unless", mode="after")
    @classmethod
    def _conditions(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name in value:
            if name not in RULE_FIELDS:
                raise ValueError(_no_field(name))
        return {name: _plain(values) for name, values in value.items()}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.otherwise == (self.field is not None):
            raise ValueError("a rule has either field = '…' or otherwise = true")
        if self.otherwise == bool(self.any_of) or (self.otherwise and (self.none_of or self.unless)):
            raise ValueError(
                "a rule with a field has any_of = […]; one with otherwise = true has neither any_of, none_of nor unless"
            )
        if not self.labels:
            raise ValueError("a rule gives at least one label; write labels = […]")
        return self


class Curfew(Part):
    """Hours of the day, by the clocks of the viewer's territory, in which minors see less, or nothing."""

    starts: time
    ends: time  # at or before ``starts``: on the next day
    shows: Literal["nothing", "cleared"] = "cleared"

    @model_validator(mode="after")
    def _local(self) -> Self:
        if self.starts.tzinfo is not None or self.ends.tzinfo is not None:
            raise ValueError("a curfew goes by the territory's own clock; write times such as '22:00'")
        if self.starts == self.ends:
            raise ValueError("a curfew starts and ends at different times")
        return self


class Minors(Part):
    """What holds for minors alone: when they should pause and when they should sleep.

    ``zones`` names the time zones of territories; those that it does not name have their official ones. Where there
    are several, it is curfew when one of them says so; where the territory is unknown, when any zone of the pack does.
    """

    break_seconds: Count | None = None
    curfew: Curfew | None = None
    zones: dict[str, tuple[str, ...]] = {}

    @field_validator("zones")
    @classmethod
    def _known_zones(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for territory, names in value.items():
            if terms.territory(territory) != territory:
                raise ValueError(f"{territory!r} is no territory; write a code such as 'CN'")
            for name in names:
                zone(name)
        return value

    @model_validator(mode="after")
    def _has_clocks(self) -> Self:
        if self.curfew is not None and not any(self.zones.values()):
            raise ValueError(
                "a curfew needs clocks; name some for viewers of unknown territory, zones = { CN = ['Asia/Shanghai'] }"
            )
        return self


class Jurisdiction(Part):
    """What differs in one territory or region: keys of surfaces, whole labels, and what holds for minors."""

    surfaces: dict[str, SurfaceChange] = {}
    labels: dict[str, Label] = {}
    minors: Minors | None = None


def _plain(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value if value.startswith(LIST) else terms.plain(value) for value in values)


def _no_field(name: str) -> str:
    return f"{name!r} is no field of an item that a rule can read; write one of {', '.join(RULE_FIELDS)}"


def zone(name: str) -> None:
    """ValueError where a name is none of a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write a name such as 'Europe/Berlin'") from None
