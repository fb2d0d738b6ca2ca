"""What can be wrong between the parts of a pack, each with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from recsys.safety import terms
from recsys.safety.labels.effective import ERROR
from recsys.safety.parts import LABELS, LIST, Label, Rule, Surface

if TYPE_CHECKING:
    from recsys.safety.policy import Policy

Place = tuple[str | int, ...]
Mistake = tuple[Place, str]  # where in the pack, what is wrong


class MistakesError(ValueError):
    """What is wrong between the parts of a pack, each with its place."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, place))}: {text}" for place, text in mistakes))
        self.mistakes = mistakes


def mistakes(policy: Policy) -> Iterator[Mistake]:
    """Every mistake of a pack whose parts are well formed by themselves."""
    yield from _surfaces(policy, ("surfaces",), policy.surfaces)
    yield from _labels(policy.labels, policy.surfaces, ("labels",))
    yield from _rules(policy)
    yield from _regions(policy)
    yield from _asked(policy)
    for name, entry in policy.territories.items():
        yield from _jurisdiction(policy, name)
        yield from _labels(entry.labels, policy.surfaces, ("territories", name, "labels"))


def _asked(policy: Policy) -> Iterator[Mistake]:
    """What is asked of lists on surfaces that there are."""
    asked: list[tuple[Place, tuple[str, ...]]] = []
    for name, quota in policy.quotas.items():
        if "/" in name or not name:
            yield ("quotas", name), "positions carry this name as an override id; write one without /"
        asked.append((("quotas", name, "surfaces"), quota.surfaces))
    if policy.cold_start is not None:
        asked.append((("cold_start", "surfaces"), policy.cold_start.surfaces))
    for place, surfaces in asked:
        for surface in surfaces:
            if surface not in policy.surfaces:
                yield place, f"the pack has no surface {surface!r}; known: {', '.join(policy.surfaces)}"


def _surfaces(policy: Policy, at: Place, surfaces: Mapping[str, Surface]) -> Iterator[Mistake]:
    lowest = policy.age_bands[0]
    for name, surface in surfaces.items():
        if surface.strict and surface.unknown_age is not None and surface.unknown_age > lowest:
            yield (
                (*at, name, "unknown_age"),
                f"{surface.unknown_age} is above the lowest age band; on a strict surface write {lowest} or less",
            )
    if "minor" in surfaces and not surfaces["minor"].minors:
        yield (*at, "minor"), "the surface minor is for minors; write minors = true"


def _labels(labels: Mapping[str, Label], surfaces: Mapping[str, Any], at: Place) -> Iterator[Mistake]:
    seen: set[str] = set()
    for name, entry in labels.items():
        compared = terms.label(name)
        if compared in seen:
            yield (*at, name), f"the label {compared!r} is there twice; labels are compared without case"
        elif compared == ERROR:
            yield (*at, name), f"{ERROR!r} is the state of an item that could not be judged, and always a hold"
        elif compared != name:
            yield (*at, name), f"{name!r} is not how a label is compared; write {compared or 'a name'!r}"
        if compared:
            seen.add(compared)
        meanings = [(entry, (*at, name)), *((band, (*at, name, "bands", i)) for i, band in enumerate(entry.bands))]
        for meaning, place in meanings:
            for surface in meaning.surfaces:
                if surface not in surfaces:
                    yield (
                        (*place, "surfaces", surface),
                        f"the pack has no surface {surface!r}; add [surfaces.{surface}]",
                    )


def _rules(policy: Policy) -> Iterator[Mistake]:
    ids: set[str] = set()
    for at, rule in enumerate(policy.rules):
        if rule.id is not None and rule.id in ids:
            yield ("rules", at, "id"), f"the rule {rule.id!r} is there twice; give each its own id"
        ids.add(rule.id or f"rules.{at}")
        yield from _rule(policy, rule, at)


def _rule(policy: Policy, rule: Rule, at: int) -> Iterator[Mistake]:
    for name, times in Counter(rule.labels).items():
        if name not in policy.labels:
            yield ("rules", at, "labels"), f"{name!r} is no label of this pack; add [labels.{name}]"
        elif times > 1:
            yield ("rules", at, "labels"), f"the label {name!r} is given twice; write it once"
    if rule.field == LABELS and set(rule.unless) - {LABELS}:
        yield ("rules", at, "unless"), "a rule on labels can only make an exception for labels; write unless.labels"
    given = {"any_of": rule.any_of, "none_of": rule.none_of, **{f"unless.{k}": v for k, v in rule.unless.items()}}
    for key, values in given.items():
        for value in values:
            if value.startswith(LIST) and value.removeprefix(LIST) not in policy.lists:
                name = value.removeprefix(LIST)
                yield ("rules", at, *key.split(".")), f"the pack has no list {name!r}; add it under [lists]"


def _regions(policy: Policy) -> Iterator[Mistake]:
    for name, members in policy.regions.items():
        if terms.territory(name):
            yield ("regions", name), f"{name!r} is how a territory is written; name a region otherwise"
        for code in members:
            if terms.territory(code) != code:
                yield ("regions", name), f"{code!r} is no territory; write ISO 3166-1 codes such as 'DE'"


def _jurisdiction(policy: Policy, name: str) -> Iterator[Mistake]:
    """A territory's own keys, and what they make of the surfaces."""
    entry, at = policy.territories[name], ("territories", name)
    if terms.territory(name) != name and name not in policy.regions:
        yield at, f"{name!r} is neither a territory such as 'DE' nor one of the pack's regions"
    for surface, change in entry.surfaces.items():
        place: Place = (*at, "surfaces", surface)
        if surface not in policy.surfaces:
            yield place, f"the pack has no surface {surface!r}; add [surfaces.{surface}]"
            continue
        for below in _below(policy, name, surface):
            try:
                made = changed(below, change.model_dump(exclude_unset=True))
            except ValidationError as error:
                for found in error.errors():
                    yield (*place, *found["loc"]), str(found.get("ctx", {}).get("error", found["msg"]))
            else:
                yield from _surfaces(policy, (*at, "surfaces"), {surface: made})


def _below(policy: Policy, territory: str, surface: str) -> Iterator[Surface]:
    """What the entry of a territory changes: the pack's own surface, or that as a region of the territory has it."""
    plain = policy.surfaces[surface]
    yield plain
    for region, members in policy.regions.items():
        change = policy.territories[region].surfaces.get(surface) if region in policy.territories else None
        if territory in members and change is not None:
            try:
                yield changed(plain, change.model_dump(exclude_unset=True))
            except ValidationError:
                continue  # the region's own mistake, which is named there


def changed(surface: Surface, keys: Mapping[str, Any]) -> Surface:
    """A surface with some of its keys as a territory has them; ValidationError where that cannot be."""
    return Surface.model_validate({**surface.model_dump(), **keys})
