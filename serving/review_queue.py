"""The review queue of a view: what the gate holds, what was reported, which scans failed, what is appealed against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.models.popular import PopularModel
from recsys.safety import Finding, Policy, Verdict, terms
from recsys.safety.judge import ITEM
from recsys.safety.labels import ERROR, LEGAL, Effective, fold, recorded
from recsys.safety.parts import Label
from recsys.safety.review import kept_off, reach, severity, uncertainty
from recsys.safety.variants import variants
from recsys.safety.verdict import CURFEW, STALE, UNLABELLED
from recsys.types import FloatArray, Viewer
from serving.stores.control import ControlStore
from serving.stores.reviews import Review, case
from serving.view import View

LOOKED_AT = 5_000  # held items that are judged one by one, those with the widest reach first
PASSING = (CURFEW, STALE)  # reasons that pass by themselves, whatever a work is
ADULT = 99  # years: whoever reviews looks as an adult does, so that an age limit is no hold


@dataclass(frozen=True, slots=True)
class Entry:
    """A case and what puts it where it is in the queue."""

    review: Review
    reach: float
    severity: float
    uncertainty: float
    labels: tuple[Effective, ...]

    @property
    def priority(self) -> float:
        """What the queue is ordered by."""
        return self.reach * self.severity * self.uncertainty


def queue(
    view: View | None, control: ControlStore, *, surface: str = "feed", territory: str | None = None
) -> list[Entry]:
    """The open cases, first what reaches most, is worst and is known least; holds are those of one surface.

    Without a view only the stored cases are there, all with the same reach.
    """
    found = {review.id: review for review in control.reviews() if review.kind in {"report", "appeal"}}
    if view is not None:
        touched = {review.id: review for opened in (True, False) for review in control.reviews(opened=opened)}
        for fresh in [*_failed(view), *_held(view, Viewer(surface, territory, ADULT))]:
            known = touched.get(fresh.id)
            found[fresh.id] = fresh if known is None else replace(known, open=True, reason=fresh.reason)
    watched = {} if view is None else dict(zip(view.ids.ids, counts(view).tolist(), strict=True))
    entries = [_entry(view, review, watched.get(review.item_id, 0.0)) for review in found.values()]
    return sorted(entries, key=lambda entry: (-entry.priority, entry.review.opened_at, entry.review.id))


def labels_of(view: View, item_id: str) -> tuple[Effective, ...]:
    """What holds for an item of a view."""
    if item_id in view.labels.effective:
        return view.labels.effective[item_id]
    index = view.ids.get(item_id)
    names = () if index is None else view.record(index).get("labels") or ()
    return fold(recorded(item_id, 0, names), 0.0)


def provider_of(view: View | None, item_id: str) -> str | None:
    """Whom a decision on a work concerns, where the catalogue says it."""
    index = None if view is None else view.ids.get(item_id)
    given = None if view is None or index is None else view.record(index).get("provider")
    return None if given is None else str(given)


def counts(view: View) -> FloatArray:
    """(items,) the decayed number of events of each item, by the bundle's model popular; 0 where it knows none."""
    known = next((model.scores for model in view.bundle.pipeline.sources if isinstance(model, PopularModel)), None)
    found = np.zeros(len(view.ids), np.float32)
    if known is not None:
        found[: len(known)] = known
    return found


def _entry(view: View | None, review: Review, count: float) -> Entry:
    labels = () if view is None or review.reason == UNLABELLED else labels_of(view, review.item_id)
    bad = severity(review.kind, review.reason, review.reports)
    return Entry(review, reach(count), bad, uncertainty(labels), labels)


def _failed(view: View) -> Iterator[Review]:
    for item, labels in view.labels.effective.items():
        if any(label.label == ERROR for label in labels):
            yield replace(case("error", item), reason="scanner_error")


def _held(view: View, viewer: Viewer) -> Iterator[Review]:
    """What is held for want of a judgement, or kept off by a label that no person and no law stands behind."""
    hidden = np.flatnonzero(~view.gate.mask(viewer))
    widest = hidden[np.argsort(-counts(view)[hidden], kind="stable")][:LOOKED_AT]
    packs = variants(view.policy).of(terms.territory(viewer.territory))
    for index, found in zip(widest.tolist(), view.gate.check(viewer, widest.astype(np.int32)).findings, strict=True):
        # whatever a model alone says waits; what is held by the hour waits for nobody
        waits = found.source == "model" or (found.verdict is Verdict.HOLD and found.reason not in PASSING)
        labels = view.labels.effective.get(view.ids[index], ())
        if waits and not _settled(labels, found, packs, viewer.surface):
            yield replace(case("hold", view.ids[index]), reason=found.reason)


def _settled(labels: Sequence[Effective], found: Finding, packs: Sequence[Policy], surface: str) -> bool:
    """Whether a person or the law has spoken of what keeps a work off, or keeps it off as well.

    A failed scan is a case of its own. A label that clears nothing leaves a work unlabelled, whoever gave it, and one
    of a part of a work says nothing of the whole.
    """
    if any(one.label == ERROR for one in labels):
        return True
    people = [one for one in labels if one.source == "human" or one.source in LEGAL]
    whole = [one for one in people if all(label.part == ITEM for label in _meanings(packs, one.label))]
    if found.label is None:
        return any(all(label.clears for label in _meanings(packs, one.label)) for one in whole)
    return any(one.label == found.label or surface in kept_off(packs, one) for one in whole)


def _meanings(packs: Sequence[Policy], name: str) -> list[Label]:
    return [pack.labels[name] for pack in packs if name in pack.labels]
