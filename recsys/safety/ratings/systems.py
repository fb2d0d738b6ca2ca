"""Rating systems as data: one TOML file each, beside this one."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from recsys.safety import terms

Foreign = Literal["where_missing", "always", "never"]  # when a rating counts where its board has no say
SEPARATOR = ":"


@dataclass(frozen=True, slots=True)
class System:
    """One board's ratings."""

    name: str
    territories: frozenset[str]  # where it is the board
    ages: Mapping[str, int]  # the youngest age (years) that a rating is fit for, by its compared form


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating that was understood."""

    system: System
    age: int  # years


class Systems:
    """All rating systems by their names."""

    def __init__(self, known: Mapping[str, System]) -> None:
        self._known = known

    def read(self, value: object) -> Rating | None:
        """A rating such as ``MPA:PG-13``, compared without case; None where the system or the rating is unknown."""
        if not isinstance(value, str) or SEPARATOR not in value:
            return None
        name, _, rating = value.partition(SEPARATOR)
        system = self._known.get(terms.plain(name))
        age = None if system is None else system.ages.get(terms.plain(rating))
        return None if system is None or age is None else Rating(system, age)

    def min_age(
        self, ratings: Iterable[Rating], territory: str | None, foreign: Foreign = "where_missing"
    ) -> int | None:
        """The minimum age (years) that ratings make in a territory; None where they say nothing there.

        Of several that count, the strictest does. The ratings of the territory's own boards count; others where there
        is none of those, ``always`` or ``never``. Where the territory is unknown, all of them count.
        """
        given = list(ratings)
        local = given if territory is None else [one for one in given if territory in one.system.territories]
        counted = given if foreign == "always" or (foreign == "where_missing" and not local) else local
        return max((one.age for one in counted), default=None)

    def territories(self, ratings: Iterable[Rating]) -> frozenset[str]:
        """Where some of the ratings are local."""
        return frozenset[str]().union(*(one.system.territories for one in ratings))


@cache
def systems() -> Systems:
    """The systems that ship."""
    folder = resources.files(__package__)
    known: dict[str, System] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        ages = {terms.plain(rating): int(age) for rating, age in data["ages"].items()}
        system = System(data["system"], frozenset(data["territories"]), ages)
        known.update({terms.plain(name): system for name in (data["system"], *data.get("also", ()))})
    return Systems(known)
