"""Territories: ISO 3166-1 codes, names for many of them, and the clocks that hold there."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

_CODE = re.compile(r"[A-Z]{2}")
_SUBDIVISION = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Places:
    """A set of territories, closed under complement: so that rest of world can be said exactly."""

    codes: frozenset[str] = frozenset()
    but: bool = True  # everywhere but ``codes``; False: only there

    def __contains__(self, territory: object) -> bool:
        return (territory in self.codes) != self.but

    def __bool__(self) -> bool:
        return self.but or bool(self.codes)

    def outside(self) -> "Places":
        """Everywhere else."""
        return Places(self.codes, not self.but)

    def union(self, other: "Places") -> "Places":
        """Here or there."""
        match self.but, other.but:
            case False, False:
                return Places(self.codes | other.codes, but=False)
            case True, True:
                return Places(self.codes & other.codes)
            case True, False:
                return Places(self.codes - other.codes)
        return Places(other.codes - self.codes)

    def without(self, other: "Places") -> "Places":
        """Here, but not there."""
        return self.outside().union(other).outside()


WORLD = Places()
NOWHERE = Places(but=False)


def only(*codes: str) -> Places:
    """These territories."""
    return Places(frozenset(codes), but=False)


def code(territory: object) -> str | None:
    """The alpha-2 code that a territory is compared by; None where it is unknown, no such code, or not one place."""
    if not isinstance(territory, str):
        return None
    name = territory.strip().upper()
    if not _CODE.fullmatch(name) or name in _data()["world"] or name in _data()["regions"]:
        return None
    return str(_data()["aliases"].get(name, name))


def places(names: Iterable[str], *, whole: bool = False) -> Places:
    """What codes and region names mean together. ValueError names the first that is neither.

    The gate knows a viewer's country, not the province: a subdivision (``CA-QC``) is nothing, or its ``whole`` country.
    """
    found = NOWHERE
    for given in names:
        name = given.strip().upper()
        if name in _data()["world"]:
            return WORLD
        if region := _data()["regions"].get(name):
            found = found.union(only(*region["members"].split()))
        elif part := _SUBDIVISION.fullmatch(name):
            found = found.union(only(_known(part[1])) if whole else NOWHERE)
        else:
            found = found.union(only(_known(name)))
    return found


def _known(name: str) -> str:
    plain = code(name)
    if plain is None or plain not in countries():
        raise ValueError(f"{name!r} is neither an ISO 3166-1 alpha-2 code nor a known region")
    return plain


@cache
def countries() -> dict[str, str]:
    """Names of the territories by code, as the tz database lists ISO 3166-1."""
    rows = (line.split("\t") for line in _table("iso3166.tab"))
    return {row[0]: row[1] for row in rows}


@cache
def clocks(territory: str | None) -> tuple[tzinfo, ...]:
    """The time zones in use in a territory; every zone there is where the territory is None, unknown or has none."""
    listed: list[str] = _data()["clocks"].get(territory) or _zones().get(territory or "") or _all_zones()
    return tuple(ZoneInfo(name) for name in listed)


@cache
def _zones() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in _table("zone.tab"):
        territory, _, zone = line.split("\t")[:3]
        found.setdefault(territory, []).append(zone)
    return found


def _all_zones() -> list[str]:
    # The earliest and the latest clock on land suffice: whatever both have reached, all others have.
    return ["Etc/GMT-14", "Etc/GMT+12"]


def _table(name: str) -> list[str]:
    text = resources.files("tzdata.zoneinfo").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("regions.toml").read_text(encoding="utf-8"))
