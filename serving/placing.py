"""Campaigns and quotas on lists, and where these get what their candidates lack."""

from collections.abc import Iterable, Sequence

import numpy as np
import structlog

from recsys.overrides import place
from recsys.types import BoolArray, FloatArray, IntArray, Slate
from serving.drafts import Draft
from serving.scene import NOTHING, Masks
from serving.view import View

log = structlog.get_logger()


def place_all(view: View, drafts: Sequence[Draft], slates: Sequence[Slate], masks: Masks) -> list[Slate]:
    """Lists from the candidates of each draft, under all that holds for its viewer, and the caps.

    Every item is within what is allowed to its draft and not excluded from it.
    """
    score_lifted(view, drafts, slates)
    return [_placed(view, draft, slate, masks) for draft, slate in zip(drafts, slates, strict=True)]


def score_lifted(view: View, drafts: Sequence[Draft], slates: Sequence[Slate]) -> None:
    """Ask the models once for what editors want beyond the candidates, for all drafts of one viewer class."""
    needy: list[Draft] = []
    items: set[int] = set()
    for draft, slate in zip(drafts, slates, strict=True):
        draft.lifted = {}
        wanted = _wanted(draft)
        lacking = set(wanted[draft.allowed[wanted]].tolist()).difference(slate.items.tolist()) if len(wanted) else ()
        if lacking and len(slate):
            needy.append(draft)
            items.update(lacking)
    if not needy:
        return
    asked = np.array(sorted(items), np.int32)
    rows = _scores(view, needy, asked)
    for draft, row in zip(needy, rows, strict=True):
        draft.lifted = dict(zip(asked.tolist(), row.tolist(), strict=True))


def _wanted(draft: Draft) -> IntArray:
    """Sorted: what editors may want on this page."""
    live = draft.live
    if live.plan is None:
        return NOTHING
    page = live.resolved.page(draft.page.offset, draft.k)
    return page.with_due(live.due[: draft.k], live.plan.promises)


def _scores(view: View, drafts: Sequence[Draft], items: IntArray) -> Iterable[FloatArray]:
    """(drafts, items) scores of the first source; where it fails, each draft says so and nothing is known."""
    try:
        return drafts[0].pipeline.score([draft.query for draft in drafts], items, view.overlay)
    except Exception:
        log.exception("boost_unscored")
        for draft in drafts:
            draft.degraded.append("boost_unscored")
        return np.full((len(drafts), len(items)), np.nan, np.float32)


def _placed(view: View, draft: Draft, slate: Slate, masks: Masks) -> Slate:
    with masks.without(draft.allowed, draft.out) as eligible:
        room = draft.scene.room(draft.k, draft.page.offset)
        draft.placed = place(slate, draft.live, eligible, room, _Pool(view, draft, slate))
    slate = draft.placed.slate
    return view.capped(slate, draft.ask.viewer, draft.k) if draft.scene.caps else slate


class _Pool:
    """What the models say beyond the candidates of one draft; where they fail, nothing."""

    def __init__(self, view: View, draft: Draft, slate: Slate) -> None:
        self._view, self._draft, self._slate = view, draft, slate

    def score(self, items: IntArray) -> FloatArray:
        """(items,) scores of the first source, never above the best candidate's; NaN where it says nothing."""
        lifted = self._draft.lifted
        scores = np.array([lifted.get(item, np.nan) for item in items.tolist()], np.float32)
        return np.where(np.isfinite(scores), np.minimum(scores, self._slate.scores[0]), np.nan).astype(np.float32)

    def best(self, among: BoolArray, n: int) -> Slate:
        """The best ``n`` of some items for this draft, by its own sources."""
        view, draft = self._view, self._draft

        def failed(source: str, error: Exception) -> None:
            log.error("source_failed", source=source, error=f"{type(error).__name__}: {error}")
            draft.degraded.append(f"source_failed:{source}")

        allowed = draft.allowed & among
        return draft.pipeline.candidates([draft.query], n, allowed, [draft.out], view.overlay, failed)[0]
