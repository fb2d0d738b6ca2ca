"""What a pack is in each territory, worked out once; a territory is never touched by what another's entry says."""

from collections.abc import Mapping
from dataclasses import dataclass

from recsys.safety.mistakes import changed
from recsys.safety.parts import Jurisdiction
from recsys.safety.policy import Policy


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """The packs of one policy by territory.

    Where several hold, the strictest verdict of any counts, on the narrowest surface of any: ``limit`` of one pack is
    not shown where another's surface shows nothing limited.

    A territory has the pack with the entry of a region that it belongs to, and with its own on top; one pack for each
    such region. Where the territory is unknown, a viewer may be anywhere, and every pack counts.
    """

    plain: tuple[Policy, ...]  # where no entry speaks of the territory
    named: Mapping[str, tuple[Policy, ...]]
    anywhere: tuple[Policy, ...]

    def of(self, territory: str | None) -> tuple[Policy, ...]:
        """The packs that hold in a territory."""
        return self.anywhere if territory is None else self.named.get(territory, self.plain)


def variants(policy: Policy) -> Variants:
    """Every pack that a policy holds."""
    entries = policy.territories
    plain = merged(policy, Jurisdiction())
    regions = {name: merged(plain, entry) for name, entry in entries.items() if name in policy.regions}
    codes = {name for name in entries if name not in policy.regions}
    codes.update(code for name in regions for code in policy.regions[name])
    named: dict[str, tuple[Policy, ...]] = {}
    for code in sorted(codes):
        found = tuple(pack for name, pack in regions.items() if code in policy.regions[name]) or (plain,)
        named[code] = tuple(merged(pack, entries[code]) for pack in found) if code in entries else found
    every = {id(pack): pack for packs in ((plain,), *named.values()) for pack in packs}
    return Variants((plain,), named, tuple(every.values()))


def merged(policy: Policy, entry: Jurisdiction) -> Policy:
    """A pack with what differs in one place."""
    surfaces = {
        name: changed(surface, entry.surfaces[name].model_dump(exclude_unset=True))
        if name in entry.surfaces
        else surface
        for name, surface in policy.surfaces.items()
    }
    # made anew, not copied: a copy would keep what the other pack has worked out of itself
    values = {name: getattr(policy, name) for name in Policy.model_fields}
    labels = {**policy.labels, **entry.labels}
    minors = entry.minors or policy.minors
    return Policy.model_construct(
        **{**values, "surfaces": surfaces, "labels": labels, "minors": minors, "territories": {}}
    )
