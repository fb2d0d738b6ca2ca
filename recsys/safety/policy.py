"""A policy pack: what may be shown on which surface, as data."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Self

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

from recsys.dataset.catalogue import LIST_FIELDS, TEXT_FIELDS
from recsys.safety import terms
from recsys.safety.verdict import VERDICTS, Verdict

MAX_AGE = 99
RULE_FIELDS = tuple(name for name in (*LIST_FIELDS, *TEXT_FIELDS) if name not in {"labels", "territories"})
Mistake = tuple[tuple[str | int, ...], str]  # where in the pack, what is wrong


class MistakesError(ValueError):
    """What is wrong between the parts of a pack, each with its place."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, place))}: {text}" for place, text in mistakes))
        self.mistakes = mistakes


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


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Surface(_Part):
    """What one surface asks of an item; what is left out is the safe side.

    A strict surface shows the cleared pool only, to everybody. ``unknown_age`` is the age assumed of a viewer whose
    age is unknown (None: the lowest band). ``minors`` says that whoever looks is a minor. ``minors_cleared_only``
    says that a viewer known to be a minor sees the cleared pool only, on a surface that is not strict too.
    """

    strict: StrictBool = True
    minors: StrictBool = False
    minors_cleared_only: StrictBool = True
    unlabelled: PackVerdict = Verdict.HOLD
    unknown_label: PackVerdict = Verdict.HOLD
    unknown_age: Age | None = None
    max_per_creator: Annotated[int, Field(ge=1, strict=True)] | None = None

    @model_validator(mode="after")
    def _strict_is_strict(self) -> Self:
        if self.minors and not self.strict:
            raise ValueError("a surface for minors is strict; write strict = true")
        for key in ("unlabelled", "unknown_label"):
            if self.strict and getattr(self, key) < Verdict.HOLD:
                raise ValueError(f"a strict surface shows the cleared pool only; write {key} = 'hold' or stricter")
        return self


class Label(_Part):
    """What a label means: its verdict, other verdicts on some surfaces, and the youngest age it is fit for."""

    verdict: PackVerdict
    surfaces: dict[str, PackVerdict] = {}
    min_age: Age | None = None


class Rule(_Part):
    """Labels items by their fields, beside the labels that they bring.

    It applies where ``field`` has a value of ``any_of`` and none of ``none_of``; with ``otherwise`` where neither the
    item nor an earlier rule gave a label. Values are compared without case.
    """

    field: str | None = None
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    otherwise: StrictBool = False
    labels: tuple[str, ...] = ()
    min_age: Age | None = None

    @field_validator("field")
    @classmethod
    def _known_field(cls, value: str | None) -> str | None:
        if value is not None and value not in RULE_FIELDS:
            raise ValueError(
                f"{value!r} is no field of an item that a rule can read; write one of {', '.join(RULE_FIELDS)}"
            )
        return value

    @field_validator("any_of", "none_of", mode="after")
    @classmethod
    def _compared(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(terms.plain(value) for value in values)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.otherwise == (self.field is not None):
            raise ValueError("a rule has either field = '…' or otherwise = true")
        if self.otherwise == bool(self.any_of) or (self.otherwise and self.none_of):
            raise ValueError(
                "a rule with a field has any_of = […]; one with otherwise = true has neither any_of nor none_of"
            )
        if not self.labels:
            raise ValueError("a rule gives at least one label; write labels = […]")
        return self


class Policy(_Part):
    """A pack, checked as a whole. ``version`` is its author's, ``digest`` is of its content."""

    name: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    age_bands: tuple[Age, ...] = (3, 8, 12, 16, 18)  # where each band starts; majority is the last
    surfaces: dict[str, Surface] = {}
    labels: dict[str, Label] = {}
    rules: tuple[Rule, ...] = ()

    @field_validator("age_bands")
    @classmethod
    def _rising(cls, bands: tuple[int, ...]) -> tuple[int, ...]:
        if not bands or list(bands) != sorted(set(bands)):
            raise ValueError("age bands rise, for example [3, 8, 12, 16, 18]")
        return bands

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if mistakes := list(_mistakes(self)):
            raise MistakesError(mistakes)
        return self

    @cached_property
    def digest(self) -> str:
        """sha256 of the content, without comments and layout."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def cite(self) -> str:
        """How responses and logs name the policy: name@version+digest."""
        return f"{self.name}@{self.version}+{self.digest[:12]}"

    @cached_property
    def elsewhere(self) -> Surface:
        """What holds on a surface that the pack does not name: strict, for minors, and the narrowest cap."""
        caps = [surface.max_per_creator for surface in self.surfaces.values() if surface.max_per_creator]
        return Surface(
            strict=True,
            minors=True,
            unlabelled=max([Verdict.HOLD, *(surface.unlabelled for surface in self.surfaces.values())]),
            unknown_label=max([Verdict.HOLD, *(surface.unknown_label for surface in self.surfaces.values())]),
            max_per_creator=min(caps, default=None),
        )

    def surface(self, name: str) -> Surface:
        """The rules of a surface, named in the pack or not."""
        return self.surfaces.get(name, self.elsewhere)

    def verdict(self, label: str, surface: str) -> Verdict | None:
        """What a label means on a surface, None if the pack does not know the label.

        On a surface that the pack does not name, the most restrictive of the label's verdicts holds.
        """
        known = self.labels.get(label)
        if known is None:
            return None
        if surface in self.surfaces:
            return known.surfaces.get(surface, known.verdict)
        return max([known.verdict, *known.surfaces.values()])


def _mistakes(policy: Policy) -> Iterator[Mistake]:
    yield from _surface_mistakes(policy)
    yield from _label_mistakes(policy.labels, policy.surfaces)
    for at, rule in enumerate(policy.rules):
        for name, times in Counter(rule.labels).items():
            if name not in policy.labels:
                yield ("rules", at, "labels"), f"{name!r} is no label of this pack; add [labels.{name}]"
            elif times > 1:
                yield ("rules", at, "labels"), f"the label {name!r} is given twice; write it once"


def _surface_mistakes(policy: Policy) -> Iterator[Mistake]:
    lowest = policy.age_bands[0]
    for name, surface in policy.surfaces.items():
        if surface.strict and surface.unknown_age is not None and surface.unknown_age > lowest:
            yield (
                ("surfaces", name, "unknown_age"),
                f"{surface.unknown_age} is above the lowest age band; on a strict surface write {lowest} or less",
            )
    if "minor" in policy.surfaces and not policy.surfaces["minor"].minors:
        yield ("surfaces", "minor"), "the surface minor is for minors; write minors = true"


def _label_mistakes(labels: Mapping[str, Label], surfaces: Mapping[str, Any]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for name, entry in labels.items():
        compared = terms.label(name)
        if compared in seen:
            yield ("labels", name), f"the label {compared!r} is there twice; labels are compared without case"
        elif compared != name:
            yield ("labels", name), f"{name!r} is not how a label is compared; write {compared or 'a name'!r}"
        if compared:
            seen.add(compared)
        for surface in entry.surfaces:
            if surface not in surfaces:
                yield (
                    ("labels", name, "surfaces", surface),
                    f"the pack has no surface {surface!r}; add [surfaces.{surface}]",
                )
