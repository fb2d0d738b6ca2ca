"""A list as somebody would have it, with and without a campaign. It counts nowhere; one as a user is in the audit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recsys.clock import Clock, fixed_clock
from recsys.overrides import REASONS, Campaign, ExposureCounts
from serving.asks import Answer, Ask, Histories
from serving.building import compiled
from serving.campaigns.dryrun import gate_at, works
from serving.current import Live
from serving.engine import Engine
from serving.reasons import TEXTS
from serving.stores.control import ControlStore
from serving.view import View


class _Still(Live):
    """One view that never moves."""

    def __init__(self, view: View) -> None:
        self._view = view

    def view(self) -> View:
        """The view."""
        return self._view


@dataclass(frozen=True, slots=True)
class Stage:
    """What a preview reads: the worker's stores and counts; and who looks, for the audit, which alone is written."""

    view: View
    control: ControlStore
    state: Histories
    exposure: ExposureCounts
    actor: str
    max_history: int = 200


def preview(stage: Stage, ask: Ask, at: float, draft: Campaign | None = None) -> dict[str, Any]:
    """The list of ``ask`` at a moment (s UTC), and what ``draft`` would change in it; plain values.

    StoreError where it is as a user and the audit cannot be written: nobody looks into a history unseen.
    """
    if ask.user_id is not None:
        _audit(stage, ask.user_id, ask.viewer.surface, at, draft)
    clock = fixed_clock(at)
    view = replace(stage.view, gate=gate_at(stage.view.gate, at), trial=None)
    without = view
    if draft is not None:
        others = [order for order in stage.control.orders() if order.id != draft.id]
        without = replace(view, overrides=compiled(view, others))
        view = replace(view, overrides=compiled(view, [*others, replace(draft, approved_at=at)]))
    shown = _listed(stage, view, ask, clock)
    told: dict[str, Any] = {"at": at, "list": _told(shown)}
    if draft is not None:
        before = _listed(stage, without, ask, clock)
        told["without"] = _told(before)
        told["changes"] = _changes(before, shown)
        told["blocked"] = _blocked(view, draft, ask)
    return told


def _audit(stage: Stage, user_id: str, surface: str, at: float, draft: Campaign | None) -> None:
    """Who has looked as whom; the user stands there by the pseudonym."""
    looked = {"surface": surface, "at": at, "campaign": None if draft is None else draft.id}
    target = f"user:{stage.control.pseudonym(user_id)}"
    stage.control.note("preview.user", target, actor=stage.actor, after=looked)


def _listed(stage: Stage, view: View, ask: Ask, clock: Clock) -> Answer:
    engine = Engine(
        _Still(view), stage.control, stage.state, clock, max_history=stage.max_history, exposure=stage.exposure
    )
    return engine.recommend_on(view, [replace(ask, seed=None, deadline=math.inf)])[0]  # counts nothing


def _told(answer: Answer) -> dict[str, Any]:
    view, slate = answer.view, answer.slate
    told: dict[str, Any] = {
        "personalised": answer.personalised,
        "degraded": list(answer.degraded),
        "items": [
            {
                "rank": answer.offset + place + 1,
                "item_id": view.ids[int(item)],
                "title": _title(answer, int(item), place),
                "source": slate.sources[place],
                "override_id": slate.overrides[place],
                "label_sources": view.gate.provenance(int(item)),
                "why": {"code": answer.reasons[place], **TEXTS[answer.reasons[place]]},
            }
            for place, item in enumerate(slate.items.tolist())
        ],
        "unserved": [],
        "quotas": [],
    }
    if answer.placed is not None:
        lost = dict.fromkeys((one.override, one.reason) for one in answer.placed.unserved)
        told["unserved"] = [{"override_id": name, "reason": why, "says": REASONS[why]} for name, why in lost]
        told["quotas"] = [
            {"quota": kept.quota, "wanted": kept.wanted, "got": kept.got, "reason": kept.reason}
            for kept in answer.placed.quotas
        ]
    return told


def _title(answer: Answer, item: int, place: int) -> str | None:
    """The title as it would be read; what the gate withholds is withheld here too."""
    if answer.withheld and "title" in answer.withheld[place]:
        return None
    text = None if answer.placed is None else answer.placed.live.resolved.texts.get(item)
    if text is not None and text.title is not None:
        return str(text.title)
    title = answer.view.record(item).get("title")
    return None if title is None else str(title)


def _changes(before: Answer, after: Answer) -> dict[str, Any]:
    """Who comes, who goes, who moves."""
    old, new = _ranks(before), _ranks(after)
    return {
        "added": [item for item in new if item not in old],
        "displaced": [item for item in old if item not in new],
        "moved": [
            {"item_id": item, "from": old[item], "to": rank}
            for item, rank in new.items()
            if item in old and old[item] != rank
        ],
    }


def _ranks(answer: Answer) -> Mapping[str, int]:
    return {answer.view.ids[int(item)]: place for place, item in enumerate(answer.slate.items.tolist(), 1)}


def _blocked(view: View, draft: Campaign, ask: Ask) -> list[dict[str, str]]:
    """The campaign's works that the gate keeps from this viewer, and why."""
    known = [item for item in works(draft, promoted=True) if item in view.ids]
    index = view.ids.dense(known)
    verdicts = view.gate.check(ask.viewer, index)
    return [
        {"item_id": view.ids[int(item)], "verdict": finding.verdict.code, "reason": finding.reason}
        for item, allowed, finding in zip(index, verdicts.allowed.tolist(), verdicts.findings, strict=True)
        if not allowed
    ]
