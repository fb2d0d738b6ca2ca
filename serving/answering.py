"""The last steps of a list: its explanations, judged with it, and the answer that says why it is so."""

import os
import time
from collections.abc import Sequence

import numpy as np
import structlog

from recsys.overrides import PLACED
from recsys.safety import Checked, Response, Verdicts
from recsys.types import BoolArray, Query, Slate
from serving.asks import Answer
from serving.drafts import Draft
from serving.reasons import reason_code
from serving.view import View

log = structlog.get_logger()

BECAUSE_OF = 10  # newest history items that an explanation may name


def answered(view: View, draft: Draft, slate: Slate, checked: Checked, now: float, next_page: str | None) -> Answer:
    """The answer to a request: a list as it was checked, and why it is so."""
    ask, degraded = draft.ask, draft.degraded
    if not len(slate) and not draft.page.offset:
        unmatched = ask.filter is not None and draft.visible.any()
        degraded.append("no_matching_items" if unmatched else "no_cleared_items")
    if draft.placed is not None:
        degraded += [f"quota_unmet:{kept.quota}" for kept in draft.placed.quotas if kept.reason is not None]
    return Answer(
        decision_id=decision_id(),
        at=now,
        ask=ask,
        view=view,
        slate=slate,
        reasons=_reasons(draft, slate),
        because=tuple(tuple(view.ids.external(row)) for row in checked.because) if ask.explain else ((),) * len(slate),
        personalised=draft.personalised,
        degraded=tuple(dict.fromkeys(degraded)),
        propensities=_propensities(draft, slate),
        memory=draft.memory,
        notices=checked.verdicts.notices(),
        withheld=checked.withheld,
        signals=draft.scene.signals,
        removed=tuple(draft.why),
        laps=draft.laps.copy(),  # lists made together share the stages so far
        placed=draft.placed,
        offset=draft.page.offset,
        counts=draft.counts,
        next_page=next_page,
    )


def explained(view: View, draft: Draft, slate: Slate, verdicts: Verdicts) -> tuple[Slate, Checked]:
    """The list with its explanations where these are asked for, which are judged with it once more."""
    if not draft.ask.explain:
        if not verdicts.allowed.all():  # after so many rounds there is still something
            slate = taken(slate, verdicts.allowed)
            verdicts = view.gate.check(draft.ask.viewer, slate.items)
        return slate, Checked(verdicts, ((),) * len(slate))
    while True:
        because = _because(view, draft, slate, _reasons(draft, slate))
        checked = view.gate.check_response(draft.ask.viewer, Response(slate.items, because))
        if checked.verdicts.allowed.all():
            return slate, checked
        slate = taken(slate, checked.verdicts.allowed)  # the clock has passed a boundary since it was checked


def taken(slate: Slate, keep: BoolArray) -> Slate:
    """The rows of a list that are kept."""
    places = np.flatnonzero(keep)
    return Slate(
        slate.items[places],
        slate.scores[places],
        tuple(slate.sources[place] for place in places),
        tuple(slate.overrides[place] for place in places),
    )


def decision_id() -> str:
    """An id that sorts by time and cannot be guessed."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def _reasons(draft: Draft, slate: Slate) -> tuple[str, ...]:
    """Why each item is there, as a code."""
    found: dict[tuple[str, str | None], str] = {}
    for key in set(zip(slate.sources, slate.overrides, strict=True)):
        source, override = key
        found[key] = reason_code(
            source,
            override,
            history=draft.has_history,
            profile=bool(draft.query.profile),
            similar=draft.ask.similar_to is not None,
            sponsored=draft.live.sponsor(override) is not None,
        )
    return tuple([found[key] for key in zip(slate.sources, slate.overrides, strict=True)])


def _propensities(draft: Draft, slate: Slate) -> tuple[float, ...]:
    """How likely each item was in its draw; 1 where an editor or the order alone put it there."""
    if not draft.propensities:
        return ()
    return tuple(
        1.0 if source in PLACED else draft.propensities.get(item, 1.0)
        for item, source in zip(slate.items.tolist(), slate.sources, strict=True)
    )


def _because(view: View, draft: Draft, slate: Slate, reasons: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """For items that the history brought: the item of the history that alone speaks loudest for each, if it may."""
    newest = np.unique(draft.query.items[-BECAUSE_OF:])
    named = newest[draft.visible[newest] & view.gate.check(draft.ask.viewer, newest).allowed]
    if not len(named) or "history" not in reasons:
        return ((),) * len(slate)
    alone = [
        Query(np.array([item], np.int32), np.array([draft.query.at]), np.ones(1, np.float32), draft.query.at)
        for item in named
    ]
    try:
        scores = draft.pipeline.score(alone, slate.items, view.overlay)  # (named, shown)
    except Exception:
        log.exception("explanation_failed")
        return ((),) * len(slate)
    best = scores.argmax(axis=0)
    return tuple(
        (int(named[best[place]]),) if reason == "history" and np.isfinite(scores[best[place], place]) else ()
        for place, reason in enumerate(reasons)
    )
