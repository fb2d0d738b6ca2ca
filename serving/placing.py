"""Campaigns and quotas on a list, and where it gets what its candidates lack."""

import numpy as np
import structlog

from recsys.overrides import Placed, place
from recsys.types import BoolArray, FloatArray, IntArray, Slate
from serving.drafts import Draft
from serving.view import View

log = structlog.get_logger()


def placed(view: View, draft: Draft, slate: Slate) -> Placed:
    """The candidates of a draft under all that holds for its viewer, within what is allowed and not excluded."""
    eligible = draft.allowed.copy()
    eligible[draft.out] = False
    room = view.bounds(draft.ask.viewer, draft.k, draft.page.offset)
    return place(slate, draft.live, eligible, room, _Pool(view, draft, slate))


class _Pool:
    """What the models say beyond the candidates of one draft; where they fail, nothing."""

    def __init__(self, view: View, draft: Draft, slate: Slate) -> None:
        self._view, self._draft, self._slate = view, draft, slate

    def score(self, items: IntArray) -> FloatArray:
        """(items,) scores of the first source, never above the best candidate's; NaN where it says nothing."""
        view, draft = self._view, self._draft
        try:
            scores = view.bundle.pipeline.score([draft.query], items, view.overlay)[0]
        except Exception:
            log.exception("boost_unscored")
            draft.degraded.append("boost_unscored")
            return np.full(len(items), np.nan, np.float32)
        return np.where(np.isfinite(scores), np.minimum(scores, self._slate.scores[0]), np.nan).astype(np.float32)

    def best(self, among: BoolArray, n: int) -> Slate:
        """The best ``n`` of some items for this draft, by its own sources."""
        view, draft = self._view, self._draft

        def failed(source: str, error: Exception) -> None:
            log.error("source_failed", source=source, error=f"{type(error).__name__}: {error}")
            draft.degraded.append(f"source_failed:{source}")

        allowed = draft.allowed & among
        return view.bundle.pipeline.candidates([draft.query], n, allowed, [draft.out], view.overlay, failed)[0]
