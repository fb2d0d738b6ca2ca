"""What a pack says of a set of labels, and of ratings, to one viewer."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from recsys.safety.columns import Kind, Rated
from recsys.safety.labels.effective import ERROR as ERROR_LABEL
from recsys.safety.marks import Mark, Marks
from recsys.safety.parts import LABELS, Label
from recsys.safety.policy import Policy
from recsys.safety.ratings import Systems
from recsys.safety.stance import Stance
from recsys.safety.verdict import ERROR, PARTS, UNLABELLED, UNRATED, Verdict

ITEM = "item"
HUMAN = "human"  # the source of a person's labels


class Pool(Enum):
    """What a mask is of; but for the first, the name of what a ruling says of it."""

    SHOWN = "shown"
    CLEARED = "cleared"
    VOUCHED = "vouched"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer on a set of labels."""

    verdict: Verdict
    reason: str = ""  # "" for allow
    mark: Mark | None = None  # the label that decided
    min_age: int = 0  # of the labels
    cleared: bool = False  # known labels, all of them allowed
    vouched: bool = False  # cleared, and one of the labels that clear was given by a person
    withheld: int = 0  # parts that are not shown, as bits of PARTS
    notice: tuple[str, ...] = ()  # the labels that a viewer is told of


class _Word(NamedTuple):
    """What one label says of the whole item."""

    mark: Mark
    label: Label | None  # None = the pack does not know it
    verdict: Verdict
    reason: str


def rule_on(policy: Policy, marks: Marks, view: Stance) -> Ruling:
    """The ruling on the labels that hold for a viewer.

    No labels at all is ``unlabelled``, and so is a work all of whose labels clear nothing: they say nothing of harm. A
    label that the pack does not know is ``unknown_label``; one that stands for an error is held. Where only the cleared
    pool is shown, whatever is not allowed by a known label is not shown. For a viewer whose territory is unknown, a
    label that holds in one territory can restrict, and clears nothing.
    """
    judged = [
        (mark, policy.labels.get(mark.label)) for mark in implied(policy, marks, placed=view.territory is not None)
    ]
    words = [_word(policy, mark, label, view) for mark, label in judged if label is None or label.part == ITEM]
    firm = [word for word in words if not (word.mark.territory and view.territory is None)]
    clearing = [word for word in firm if word.label is not None and word.label.clears]
    cleared = bool(clearing) and all(word.verdict is Verdict.ALLOW and word.label is not None for word in words)
    spoken = any(word.label is None or word.label.clears for word in firm)
    verdict, reason, mark = _worst(words, None if spoken else view.rules.unlabelled)
    if view.cleared_only and not cleared and verdict <= view.limit:
        verdict, reason = Verdict.HOLD, reason or UNLABELLED
    told = (word.mark.label for word in words if Verdict.ALLOW < word.verdict <= Verdict.INTERSTITIAL)
    return Ruling(
        verdict,
        reason if verdict > Verdict.ALLOW else "",
        mark,
        min_age=max((_age(policy, word.mark, word.label) for word in words), default=0),
        cleared=cleared and verdict is Verdict.ALLOW,
        vouched=cleared and verdict is Verdict.ALLOW and any(word.mark.source == HUMAN for word in clearing),
        withheld=_withheld(policy, judged, view),
        notice=tuple(dict.fromkeys(told)),
    )


def _word(policy: Policy, mark: Mark, label: Label | None, view: Stance) -> _Word:
    if mark.label == ERROR_LABEL:
        return _Word(mark, label, Verdict.HOLD, ERROR)
    if label is None:
        return _Word(mark, label, view.rules.unknown_label, f"unknown_label:{mark.label}")
    return _Word(mark, label, policy.on(label.at(mark.floor), view.surface), f"label:{mark.label}")


def _worst(words: Sequence[_Word], unlabelled: Verdict | None) -> tuple[Verdict, str, Mark | None]:
    """The most restrictive verdict, of equals the first; an unknown label is named where nothing else is."""
    verdict, reason, mark = Verdict.ALLOW, "", None
    if unlabelled is not None:
        verdict, reason = unlabelled, UNLABELLED
    for word in words:
        if word.verdict > verdict or (word.label is None and not reason):
            verdict, reason, mark = max(verdict, word.verdict), word.reason, word.mark
    return verdict, reason, mark


def implied(policy: Policy, marks: Marks, *, placed: bool) -> Marks:
    """The labels with what rules on labels make of them, without those whose rule makes an exception for a label.

    ``placed``: they are those of one territory, where the viewer is. Otherwise a label of one territory may set a rule
    off and never keep it from applying.
    """
    kept = list(excepted(policy, marks, placed=placed))
    by_name = {mark.label: mark for mark in sorted(kept, key=lambda mark: mark.territory, reverse=True)}
    firm = {mark.label for mark in kept if placed or not mark.territory}
    for at, rule in enumerate(policy.rules):
        if rule.field != LABELS:
            continue
        any_of = policy.values(rule.any_of)
        found = sorted(by_name.keys() & any_of.keys())
        if not found or firm & policy.values(rule.none_of).keys() or _excepted(policy, at, marks, placed=placed):
            continue
        where = min(by_name[name].territory for name in found)  # "", everywhere, if one of them holds everywhere
        term = found[0]
        kept += [
            Mark(name, territory=where, source="rule", rule=at, term=term, list_id=any_of[term]) for name in rule.labels
        ]
    return tuple(kept)


def excepted(policy: Policy, marks: Marks, *, placed: bool = False) -> Marks:
    """The labels without those whose rule makes an exception for a label that is there."""
    return tuple(mark for mark in marks if mark.rule < 0 or not _excepted(policy, mark.rule, marks, placed=placed))


def _excepted(policy: Policy, at: int, marks: Marks, *, placed: bool) -> bool:
    """Whether a rule's exception for labels applies; naming none stands for any label but the rule's own."""
    given = policy.rules[at].unless.get(LABELS)
    if given is None:
        return False
    names = {mark.label for mark in marks if (placed or not mark.territory) and mark.rule != at}
    return bool(names & policy.values(given).keys()) if given else bool(names)


def _age(policy: Policy, mark: Mark, label: Label | None) -> int:
    """The youngest age that a label makes an item fit for, with that of the rule that gave it."""
    of_label = 0 if label is None else label.at(mark.floor).min_age or 0
    of_rule = 0 if mark.rule < 0 else policy.rules[mark.rule].min_age or 0
    return max(of_label, of_rule)


def _withheld(policy: Policy, judged: list[tuple[Mark, Label | None]], view: Stance) -> int:
    """The parts whose own labels forbid them; where only the cleared pool is shown, whose labels do not allow them."""
    bits = 0
    for mark, label in judged:
        if label is not None and label.part != ITEM:
            verdict = policy.on(label.at(mark.floor), view.surface)
            bad = verdict > (Verdict.ALLOW if view.cleared_only else view.limit)
            bits |= PARTS[label.part] if bad else 0
    return bits


def rate(policy: Policy, rated: Rated, view: Stance, systems: Systems) -> tuple[Verdict, str, int]:
    """The verdict on an item's ratings, its reason, and the minimum age that they make in the viewer's territory.

    A rating that no system knows is held. Without one that counts there, an item that needs one is ``unrated``.
    """
    read = [systems.read(value) for value in rated.ratings]
    known = [one for one in read if one is not None]
    if len(known) < len(read):
        unknown = next(value for value, one in zip(rated.ratings, read, strict=True) if one is None)
        return Verdict.HOLD, f"unknown_rating:{unknown}", 0
    age = systems.min_age(known, view.territory, policy.foreign_ratings)
    if age is None and rated.needed and view.rules.unrated > Verdict.ALLOW:
        return max(view.rules.unrated, Verdict.HOLD if view.cleared_only else Verdict.ALLOW), UNRATED, 0
    return Verdict.ALLOW, "", age or 0


def verdict_of(kind: Kind, ruling: Ruling, rating: tuple[Verdict, str, int], sold: bool, view: Stance) -> Verdict:
    """The most restrictive verdict on an item, but for what depends on time and on orders."""
    too_young = max(kind.min_age, ruling.min_age, rating[2]) > view.age
    return max(
        ruling.verdict,
        rating[0],
        Verdict.ALLOW if sold else Verdict.BLOCK,
        Verdict.BLOCK if too_young else Verdict.ALLOW,
        Verdict.ALLOW if kind.sound else Verdict.HOLD,
    )
