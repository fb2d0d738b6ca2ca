"""Whom a campaign is for: a predicate over profile and context, and what of a viewer it may read."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from recsys.expressions import Expression, Kind, parse
from recsys.types import NOTHING

PROFILE, CONTEXT = "profile.", "context."  # what the fields of an audience begin with


class Audience(Protocol):
    """A predicate over ``profile.NAME`` and ``context.NAME``; equal ones share one evaluation a request."""

    @property
    def names(self) -> Collection[str]:
        """The fields that it reads."""
        ...

    def holds(self, record: Mapping[str, object]) -> bool:
        """Whether a viewer belongs to it; a field that is not in the record is unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who looks, beyond what the gate needs. ``minor`` is a known minor, or anybody on a surface for minors."""

    user: str | None = None
    profile: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    minor: bool = False
    personalised: bool = True

    @property
    def profile_counts(self) -> bool:
        """Whether anything may depend on the profile: not for minors (DSA 28(2)), nor after opting out."""
        return self.personalised and not self.minor

    def value(self, name: str) -> str | None:
        """One field as an audience reads it; None where it is unknown."""
        if name.startswith(PROFILE):
            return self.profile.get(name[len(PROFILE) :])
        return self.context.get(name[len(CONTEXT) :]) if name.startswith(CONTEXT) else None

    def record(self) -> dict[str, object]:
        """All fields that are known, by the names that an audience uses."""
        profile: dict[str, object] = {f"{PROFILE}{name}": value for name, value in self.profile.items()}
        return profile | {f"{CONTEXT}{name}": value for name, value in self.context.items()}


NOBODY = Person()


class _Fields(Mapping[str, Kind]):
    """Any field of profile and context, all of them texts: what platforms send is not known beforehand."""

    def __getitem__(self, name: str) -> Kind:
        if name.startswith((PROFILE, CONTEXT)):
            return "text"
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter((f"{PROFILE}NAME", f"{CONTEXT}NAME"))

    def __len__(self) -> int:
        return 2


def parse_audience(text: str) -> Expression:
    """An audience as editors write it: ``profile.language == "zh" && context.page == "festival"``.

    ConfigError says at which character and what would be allowed.
    """
    return parse(text, _Fields(), where="audience")


def reads_profile(audience: Audience) -> bool:
    """Whether an audience depends on who somebody is; one that does not name its fields counts so."""
    names = getattr(audience, "names", None)
    return names is None or any(not name.startswith(CONTEXT) for name in names)
