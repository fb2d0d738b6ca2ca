"""The labels of an item as the gate keeps them: what its source says, what rules add, what holds of it since."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from recsys.safety import terms
from recsys.safety.labels.effective import ERROR, Effective
from recsys.safety.parts import LABELS, Rule
from recsys.safety.policy import Policy
from recsys.safety.variants import Variants

ALWAYS = math.inf
NO_SCORE = -1.0
PROVIDER = "provider"  # whoever gave the catalogue


class Mark(NamedTuple):
    """One label. Scores are kept as the start of their band, so that items which mean the same share a set."""

    label: str
    floor: float = NO_SCORE
    territory: str = ""  # "" = everywhere
    expires: float = ALWAYS  # s UTC
    source: str = PROVIDER
    rule: int = -1  # its place in the pack; -1 = none
    term: str = ""  # what the rule found
    list_id: str = ""  # the list of the pack that the term is on


Marks = tuple[Mark, ...]  # sorted; empty = unlabelled


class Hit(NamedTuple):
    """A rule that applies to an item by its fields."""

    rule: int
    term: str = ""
    list_id: str = ""


class Drawn(NamedTuple):
    """What an item's own record makes of its labels, before anything is said of it elsewhere."""

    own: tuple[str, ...]
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A pack's rules and bands, ready for many items."""

    policy: Policy
    values: Sequence[tuple[Mapping[str, str], Mapping[str, str], Mapping[str, Mapping[str, str]]]]  # any, none, unless
    starts: Mapping[str, tuple[float, ...]]  # of a label's bands in any territory, rising

    @classmethod
    def of(cls, policy: Policy, packs: Variants) -> "Reader":
        """A reader of the pack, with the bands of all its territories."""
        values = [
            (policy.values(r.any_of), policy.values(r.none_of), {k: policy.values(v) for k, v in r.unless.items()})
            for r in policy.rules
        ]
        starts: dict[str, set[float]] = {}
        for pack in packs.anywhere:
            for name, label in pack.labels.items():
                starts.setdefault(name, set()).update(band.at_least for band in label.bands)
        return cls(policy, values, {name: tuple(sorted(found)) for name, found in starts.items()})

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a record that rules look at, beside labels."""
        names = {rule.field for rule in self.policy.rules if rule.field}
        names |= {name for rule in self.policy.rules for name in rule.unless}
        return tuple(sorted(names - {LABELS}))

    def drawn(self, row: Mapping[str, Any]) -> tuple[Drawn, bool]:
        """What a record says of labels, and whether all of them can be labels."""
        names = [terms.label(value) for value in row[LABELS] or ()]
        own = tuple(sorted({name for name in names if name}))
        hits = [hit for at, rule in enumerate(self.policy.rules) if (hit := self._hit(at, rule, row)) is not None]
        return Drawn(own, tuple(hits)), None not in names

    def _hit(self, at: int, rule: Rule, row: Mapping[str, Any]) -> Hit | None:
        if rule.otherwise:
            return Hit(at)
        if rule.field is None or rule.field == LABELS:
            return None  # a rule on labels waits for those that hold when it is asked
        any_of, none_of, unless = self.values[at]
        given = _words(row[rule.field])
        found = sorted(given & any_of.keys())
        if not found or given & none_of.keys():
            return None
        for name, values in unless.items():
            if name != LABELS and (_words(row[name]) & values.keys() if rule.unless[name] else _words(row[name])):
                return None
        return Hit(at, found[0], any_of[found[0]])

    def marks(self, drawn: Drawn, said: Iterable[Effective] | None) -> Marks:
        """Every label of an item: those that hold, or where nothing was said of it those of its record, and the rules'.

        The rules come in their order, ``otherwise`` where there is no label so far.
        """
        found = {Mark(name) for name in drawn.own} if said is None else {self._mark(one) for one in said}
        for hit in drawn.hits:
            rule = self.policy.rules[hit.rule]
            if rule.otherwise and found:
                continue
            found |= {
                Mark(name, source="rule", rule=hit.rule, term=hit.term, list_id=hit.list_id) for name in rule.labels
            }
        return tuple(sorted(found))

    def _mark(self, said: Effective) -> Mark:
        """A label that holds; one that cannot be read is an error, which holds its item."""
        name, place = terms.label(said.label), terms.territory(said.territory)
        expires = ALWAYS if said.expires is None else said.expires
        broken = name is None or (said.territory is not None and place is None) or math.isnan(expires)
        if broken or (said.score is not None and not 0 <= said.score <= 1):
            return Mark(ERROR, source=said.source)
        starts = self.starts.get(name or "", ())
        scored = said.score is not None and starts
        floor = starts[bisect_right(starts, said.score) - 1] if scored and said.score is not None else NO_SCORE
        return Mark(name or ERROR, floor, place or "", expires, said.source)


def _words(given: Any) -> set[str]:
    """The values of a field, compared; a text field is one value, and a judged list may be text parted by ``|``."""
    values = (given,) if isinstance(given, str) else given if isinstance(given, (list, tuple)) else ()
    return {terms.plain(value) for value in values if isinstance(value, str) and value.strip()}


def live(marks: Marks, now: float, territory: str | None) -> Marks:
    """The labels that hold now for a viewer in a territory; one whose territory is unknown may be anywhere."""
    if all(mark.expires == ALWAYS and not mark.territory for mark in marks):
        return marks
    return tuple(
        mark for mark in marks if now < mark.expires and (territory is None or mark.territory in ("", territory))
    )
