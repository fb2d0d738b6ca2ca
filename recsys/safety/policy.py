"""A policy pack: what may be shown on which surface, in which territory, as data."""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from recsys.safety import terms
from recsys.safety.asked import NewWorks, Profile, Prominence
from recsys.safety.mistakes import MistakesError, mistakes
from recsys.safety.parts import LIST, Age, Jurisdiction, Label, Meaning, Minors, Part, Rule, Surface
from recsys.safety.verdict import Verdict

ASKED = ("quotas", "cold_start", "traffic")  # of lists, beyond what may be shown


class Policy(Part):
    """A pack, checked as a whole. ``version`` is its author's, ``digest`` is of its content.

    ``confirm_within`` (seconds): a pack that nobody has confirmed for so long is stale. ``foreign_ratings``: whether a
    rating counts where its board has no say: where no local one is there, always (the strictest counts), or never.
    ``territories`` holds what differs in a territory, or in one of ``regions``.
    """

    name: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    age_bands: tuple[Age, ...] = (3, 8, 12, 16, 18)  # where each band starts; majority is the last
    confirm_within: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 120.0
    rated_media: tuple[str, ...] = ()  # media types that need a rating where ``unrated`` says so
    foreign_ratings: Literal["where_missing", "always", "never"] = "where_missing"
    topic: Literal["genres", "tags"] = "genres"  # the first value is the topic that max_per_topic counts
    surfaces: dict[str, Surface] = Field(default_factory=dict)
    labels: dict[str, Label] = Field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    minors: Minors = Minors()
    regions: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    territories: dict[str, Jurisdiction] = Field(default_factory=dict)
    quotas: dict[str, Prominence] = Field(default_factory=dict)  # what lists have to hold, met in the order of names
    cold_start: NewWorks | None = None
    traffic: Profile | None = None

    @field_validator("age_bands")
    @classmethod
    def _rising(cls, bands: tuple[int, ...]) -> tuple[int, ...]:
        if not bands or list(bands) != sorted(set(bands)):
            raise ValueError("age bands rise, for example [3, 8, 12, 16, 18]")
        return bands

    @field_validator("rated_media")
    @classmethod
    def _compared(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(terms.plain(name) for name in names)

    @field_validator("lists")
    @classmethod
    def _compared_lists(cls, lists: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {name: tuple(terms.plain(value) for value in values) for name, values in lists.items()}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if found := list(mistakes(self)):
            raise MistakesError(found)
        return self

    @cached_property
    def digest(self) -> str:
        """sha256 of the content, without comments and layout."""
        said = self.model_dump(mode="json")
        for name in ASKED:
            if not said[name]:  # a pack without is cited as it was before there was such a thing
                del said[name]
        content = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def cite(self) -> str:
        """How responses and logs name the policy: name@version+digest."""
        return f"{self.name}@{self.version}+{self.digest[:12]}"

    @cached_property
    def elsewhere(self) -> Surface:
        """What holds on a surface that the pack does not name: strict, for minors, and the narrowest caps."""
        named = list(self.surfaces.values())
        return Surface(
            strict=True,
            minors=True,
            unlabelled=max([Verdict.HOLD, *(surface.unlabelled for surface in named)]),
            unknown_label=max([Verdict.HOLD, *(surface.unknown_label for surface in named)]),
            unrated=max([Verdict.ALLOW, *(surface.unrated for surface in named)]),
            max_per_creator=min((n for s in named if (n := s.max_per_creator) is not None), default=None),
            max_per_topic=min((n for s in named if (n := s.max_per_topic) is not None), default=None),
        )

    @cached_property
    def minor_surfaces(self) -> frozenset[str]:
        """The surfaces that the pack names as made for minors."""
        return frozenset(name for name, surface in self.surfaces.items() if surface.minors)

    def surface(self, name: str) -> Surface:
        """The rules of a surface, named in the pack or not."""
        return self.surfaces.get(name, self.elsewhere)

    def verdict(self, label: str, surface: str, floor: float = -1.0) -> Verdict | None:
        """What a label means on a surface, None if the pack does not know the label.

        ``floor`` is where the band of its score starts, negative without a score. On a surface that the pack does not
        name, the most restrictive of the label's verdicts holds.
        """
        known = self.labels.get(label)
        return None if known is None else self.on(known.at(floor), surface)

    def on(self, meaning: Meaning, surface: str) -> Verdict:
        """The verdict of a label or band on a surface."""
        if surface in self.surfaces:
            return meaning.surfaces.get(surface, meaning.verdict)
        return max([meaning.verdict, *meaning.surfaces.values()])

    def values(self, given: tuple[str, ...]) -> dict[str, str]:
        """What a rule's values stand for, each with the list it comes from ("" = the rule itself)."""
        found: dict[str, str] = {}
        for value in given:
            if value.startswith(LIST):
                name = value.removeprefix(LIST)
                found.update(dict.fromkeys(self.lists[name], name))
            else:
                found[value] = ""
        return found

    def rule_id(self, at: int) -> str:
        """How verdicts name the rule at a place."""
        return self.rules[at].id or f"rules.{at}"
