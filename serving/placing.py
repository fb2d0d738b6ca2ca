"""Campaigns and quotas on lists, and where these get what their candidates lack."""

from collections.abc import Iterable, Sequence

import numpy as np
import structlog

from recsys.overrides import place
from recsys.overrides.ranking import lacking
from recsys.types import BoolArray, FloatArray, IntArray, Slate
from serving.drafts import Draft, Lifted
from serving.scene import Masks
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
    lacks: list[IntArray] = []
    for draft, slate in zip(drafts, slates, strict=True):
        draft.lifted = None
        beyond = lacking(draft.live.wanted(draft.page.offset, draft.k), draft.allowed, slate.items)
        if len(beyond) and len(slate):
            needy.append(draft)
            lacks.append(beyond)
    if not needy:
        return
    asked = lacks[0] if len(lacks) == 1 else np.unique(np.concatenate(lacks))
    for draft, scores in zip(needy, _scores(view, needy, asked), strict=True):
        draft.lifted = Lifted(asked, scores)


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
        draft.placed = place(slate, draft.live, eligible, room, _Pool(view, draft))
    slate = draft.placed.slate
    return view.capped(slate, draft.ask.viewer, draft.k) if draft.scene.caps else slate


class _Pool:
    """What the models say beyond the candidates of one draft; where they fail, nothing."""

    def __init__(self, view: View, draft: Draft) -> None:
        self._view, self._draft = view, draft

    def score(self, items: IntArray) -> FloatArray:
        """(items,) scores of the first source; NaN where it says nothing."""
        lifted = self._draft.lifted
        if lifted is None:
            return np.full(len(items), np.nan, np.float32)
        return lifted.of(items)

    def best(self, among: BoolArray, n: int) -> Slate:
        """The best ``n`` of some items for this draft, by its own sources."""
        view, draft = self._view, self._draft

        def failed(source: str, error: Exception) -> None:
            log.error("source_failed", source=source, error=f"{type(error).__name__}: {error}")
            draft.degraded.append(f"source_failed:{source}")

        allowed = draft.allowed & among
        return draft.pipeline.candidates([draft.query], n, allowed, [draft.out], view.overlay, failed)[0]
