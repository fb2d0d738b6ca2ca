"""Campaigns as plain values, and back: what files, the API and stores hold."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

from recsys.errors import ConfigError
from recsys.expressions import Expression
from recsys.overrides.actions import KINDS, CampaignAction
from recsys.overrides.audience import parse_audience
from recsys.overrides.campaign import Campaign, Caps, Sponsor
from recsys.overrides.hours import EVERY_DAY, Hours, known_zone, moment_of

TEXTS = ("name", "objective", "zone", "reason")
NUMBERS = ("priority", "guarantee", "share")
KNOWN = frozenset(
    {"id", "actions", "surfaces", "territories", "audience", "start", "end", "hours", "caps", "sponsor"}
    | {*TEXTS, *NUMBERS}
)
Document = dict[str, Any]


def campaign_from(document: Mapping[str, Any], *, created_by: str = "", approved_at: float = 0.0) -> Campaign:
    """A campaign from plain values, not validated yet. ConfigError names the field that is missing, unknown or odd.

    Times are ISO 8601; without an offset they are local to ``zone``.
    """
    if unknown := sorted(set(document) - KNOWN):
        raise ConfigError(f"A campaign has no field {unknown[0]!r}; known are: {', '.join(sorted(KNOWN))}.")
    zone = _typed(document, "zone", str, "UTC")
    if not known_zone(zone):
        raise ConfigError(f"zone is {zone!r}; write an IANA name such as Asia/Shanghai.")
    given: Document = {name: _typed(document, name, str) for name in TEXTS if name in document}
    for name, kind in (("priority", int), ("guarantee", int), ("share", float)):
        if document.get(name) is not None:
            given[name] = _typed(document, name, kind)
    if document.get("audience") is not None:
        given["audience"] = parse_audience(_typed(document, "audience", str))
    for name in ("start", "end"):
        if document.get(name) is not None:
            given[name] = _moment(document[name], zone, name)
    return Campaign(
        id=_typed(document, "id", str, ""),
        actions=tuple(_action(action, at) for at, action in enumerate(_listed(document, "actions"), 1)),
        surfaces=frozenset(_names(document, "surfaces")),
        territories=frozenset(_names(document, "territories")),
        hours=_hours(document.get("hours")),
        caps=_part(Caps, document.get("caps") or {}, "caps"),
        sponsor=_sponsor(document.get("sponsor")),
        approved_at=approved_at,
        created_by=created_by,
        **given,
    )


def document_of(campaign: Campaign) -> Document:
    """The plain values of a campaign; what stands at its default is left out. Times are UTC."""
    said: Document = {"id": campaign.id}
    for name in TEXTS:
        said[name] = getattr(campaign, name)
    if isinstance(campaign.audience, Expression):
        said["audience"] = campaign.audience.text
    said |= {"surfaces": sorted(campaign.surfaces), "territories": sorted(campaign.territories)}
    said |= {name: _iso(at) for name in ("start", "end") if math.isfinite(at := getattr(campaign, name))}
    if campaign.hours is not None:
        hours = campaign.hours
        said["hours"] = {
            "weekdays": sorted(hours.weekdays),
            "opens": _clock(hours.opens),
            "closes": _clock(hours.closes),
        }
    said |= {name: value for name in NUMBERS if (value := getattr(campaign, name)) is not None}
    said["caps"] = {part.name: value for part in fields(Caps) if (value := getattr(campaign.caps, part.name))}
    if campaign.sponsor is not None:
        sponsor = campaign.sponsor
        said["sponsor"] = {"name": sponsor.name, "label": sponsor.label, "parameters": list(sponsor.parameters)}
    said["actions"] = [_told(action) for action in campaign.actions]
    return {name: value for name, value in said.items() if value not in ("", [], {}) or name == "actions"}


def _told(action: CampaignAction) -> Document:
    values = {part.name: getattr(action, part.name) for part in fields(action)}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {"kind": action.kind, **{name: value for name, value in plain.items() if value is not None}}


def _action(given: Any, number: int) -> CampaignAction:
    where = f"actions[{number}]"
    if not isinstance(given, Mapping) or given.get("kind") not in KINDS:
        raise ConfigError(f"{where} has no known kind; write one of {', '.join(KINDS)}.")
    kind, told = KINDS[given["kind"]], {name: value for name, value in given.items() if name != "kind"}
    action: CampaignAction = _part(kind, told, where)
    return action


def _part(kind: Any, given: Any, where: str) -> Any:
    """A dataclass of plain fields."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where} is no table; write its fields by name.")
    known = {part.name: part for part in fields(kind)}
    if unknown := sorted(set(given) - set(known)):
        raise ConfigError(f"{where} has no field {unknown[0]!r}; known are: {', '.join(known)}.")
    values = {name: _value(known[name].type, value, f"{where}.{name}") for name, value in given.items()}
    for name, part in known.items():
        if name not in values and part.default is MISSING:
            raise ConfigError(f"{where}.{name} is missing; give it.")
    return kind(**values)


def _value(kind: Any, value: Any, where: str) -> Any:
    """A value as its field's annotation says; a whole number may stand for one with a fraction."""
    optional = "None" in str(kind)
    if value is None and optional:
        return None
    if "tuple" in str(kind):
        return tuple(_texts(value, where))
    wanted: type = str if "str" in str(kind) else float if "float" in str(kind) else int
    return _checked(value, wanted, where)


def _checked(value: Any, kind: type, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        names = {str: "a text", int: "a whole number", float: "a number"}
        raise ConfigError(f"{where} is {value!r}; write {names[kind]}.")
    return value


def _typed(document: Mapping[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = document.get(name, default)
    return default if value is None else _checked(value, kind, name)


def _listed(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name, [])
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{name} is no list.")
    return list(value)


def _names(document: Mapping[str, Any], name: str) -> list[str]:
    return _texts(document.get(name) or [], name)


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{where} is no list of texts.")
    return list(value)


def _sponsor(given: Any) -> Sponsor | None:
    sponsor: Sponsor | None = None if given is None else _part(Sponsor, given, "sponsor")
    return sponsor


def _hours(given: Any) -> Hours | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) - {"weekdays", "opens", "closes"}:
        raise ConfigError("hours has other fields than weekdays, opens and closes.")
    days = given.get("weekdays", sorted(EVERY_DAY))
    if not isinstance(days, list | tuple) or not all(type(day) is int for day in days):
        raise ConfigError("hours.weekdays is no list of the numbers 1 (Monday) to 7.")
    return Hours(
        frozenset(days), _minute(given.get("opens", "00:00"), "opens"), _minute(given.get("closes", "24:00"), "closes")
    )


def _minute(text: Any, name: str) -> int:
    hour, colon, minute = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon or not hour.isdecimal() or not minute.isdecimal() or len(hour) > 2 or int(minute) > 59:
        raise ConfigError(f"hours.{name} is {text!r}; write a time of the day such as 18:30.")
    return int(hour) * 60 + int(minute)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _moment(value: Any, zone: str, name: str) -> float:
    if isinstance(value, datetime) or hasattr(value, "isoformat"):  # TOML has times of its own
        value = value.isoformat()
    try:
        return moment_of(_checked(value, str, name).strip(), zone)
    except (ConfigError, OverflowError):
        raise ConfigError(f"{name} is {value!r}, which is no time; write ISO 8601, such as 2027-02-01T18:00.") from None


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
