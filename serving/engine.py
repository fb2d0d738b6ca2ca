"""One request from draft to list: candidates, overrides, caps, check. Check is always the last to touch a list."""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import structlog

from recsys.clock import Clock
from recsys.models.memory import TOGETHER, one_request
from recsys.overrides import PLACED, ExposureCounts, NoExposure
from recsys.safety import Response
from recsys.types import BoolArray, Query, Slate
from serving.asks import Answer, Ask, Histories
from serving.drafts import Draft, Drafts
from serving.laps import CANDIDATES, CHECK, DRAFT, OVERRIDES, RERANK, Laps
from serving.live import Follower
from serving.placing import placed as placed_on
from serving.reasons import reason_code
from serving.stores.control import ControlStore
from serving.trials import judged_by
from serving.view import Live, View

log = structlog.get_logger()

SPARE = 50  # candidates beyond k, so that overrides, caps and the last check rarely need another round
ROUNDS = 8  # how often a list is refilled after caps and the last check before it stays short
NOTHING_MORE = np.zeros(0, np.int32)
BECAUSE_OF = 10  # newest history items that an explanation may name


class Engine:
    """Answers batches of requests against the live view. Thread-safe; holds no user's data."""

    def __init__(
        self,
        live: Live,
        control: ControlStore,
        state: Histories,
        clock: Clock,
        *,
        max_history: int = 200,
        follower: Follower | None = None,  # of the events as they arrive; None ranks by the bundle's own counts
        at: float | None = None,  # s UTC: the moment to rank for, where it is not the clock's (lists on old logs)
        exposure: ExposureCounts | None = None,  # what campaigns' caps and guarantees go by; None counts nothing
        note: Callable[[Answer], None] | None = None,  # is told of every list that was made for somebody
    ) -> None:
        self.live = live
        self._clock = clock
        self._at = at
        self._note = note
        self._follower = follower
        self._drafts = Drafts(control, state, max_history, exposure or NoExposure())

    def recommend(self, asks: Sequence[Ask]) -> list[Answer]:
        """A list for each request; one request is a batch of one."""
        view = self.live.view()
        if view.trial is None or not view.trial.share:
            answers = self.recommend_on(view, asks)
        else:
            answers = [self.recommend_on(judged_by(view, ask), [ask])[0] for ask in asks]
        for answer in answers:
            if answer.placed is not None:
                answer.placed.live.record(answer.slate.overrides, answer.offset)
                if self._note is not None:
                    self._note(answer)
        return answers

    def recommend_on(self, view: View, asks: Sequence[Ask]) -> list[Answer]:
        """The same against a given view, as for warming a bundle up before it is swapped in."""
        answers: list[Answer] = []
        for start in range(0, len(asks), TOGETHER):
            with one_request():
                answers += self._answers(view, asks[start : start + TOGETHER])
        return answers

    def _answers(self, view: View, asks: Sequence[Ask]) -> list[Answer]:
        now, laps = self._clock(), Laps()
        drafts = [self._drafts.draft(view, ask, now, now if self._at is None else self._at) for ask in asks]
        if self._follower is not None:
            now_counted = self._follower.now(view)
            for draft in drafts:
                draft.pipeline, draft.counts = now_counted.pipeline, now_counted.version
        laps.lap(DRAFT)
        # how many candidates are drawn up depends on k: a list must not depend on who else is in the batch
        classes: defaultdict[tuple[int, int, bool], list[Draft]] = defaultdict(list)
        for draft in drafts:
            draft.laps = laps
            classes[id(draft.allowed), draft.k, draft.late].append(draft)
        slates: dict[int, Slate] = {}
        for group in classes.values():
            for draft, slate in zip(group, _candidates(view, group), strict=True):
                slates[id(draft)] = _finished(view, draft, slate)
        return [self._answered(view, draft, slates[id(draft)], now) for draft in drafts]

    def _answered(self, view: View, draft: Draft, slate: Slate, now: float) -> Answer:
        answer = _answer(view, draft, slate, now)
        for _ in range(ROUNDS):
            gone = np.setdiff1d(slate.items, answer.slate.items)
            if not len(gone):
                break
            # the clock has passed a boundary meanwhile; what goes leaves its place under a cap to others
            draft.removed, draft.surplus = np.concatenate([draft.removed, gone]), NOTHING_MORE
            slate = _finished(view, draft, _candidates(view, [draft])[0])
            answer = _answer(view, draft, slate, now)
        return replace(answer, next_page=self._drafts.next_page(view, draft, answer.slate, now))

    def follow(self, view: View) -> None:
        """Bring the counts of live sources up to date, without a request."""
        if self._follower is not None:
            self._follower.now(view)

    def impersonal(self, ask: Ask, *why: str) -> Answer:
        """The answer of last resort: no history, no profile; nothing at all where even that fails. Never raises."""
        plain = replace(ask, viewer=replace(ask.viewer, personalised=False), explain=False)
        try:
            answer = self.recommend([plain])[0]
        except Exception:
            log.exception("recommendation_failed")
            return self.nothing(ask, "engine_failed")
        degraded = dict.fromkeys((*answer.degraded, *(why or ("personalisation_failed",))))
        return replace(answer, degraded=tuple(degraded))

    def nothing(self, ask: Ask, why: str) -> Answer:
        """An empty list, which is always safe; reads no store."""
        slate = Slate(np.zeros(0, np.int32), np.zeros(0, np.float32), (), ())
        return Answer(decision_id(), self._clock(), ask, self.live.current, slate, (), (), False, (why,))


def _candidates(view: View, drafts: Sequence[Draft]) -> list[Slate]:
    """More than k reranked items for each of a viewer class and k; a source that fails is passed over and named."""

    def failed(source: str, error: Exception) -> None:
        log.error("source_failed", source=source, error=f"{type(error).__name__}: {error}")
        for draft in drafts:
            draft.degraded.append(f"source_failed:{source}")

    pipeline, k = drafts[0].pipeline, drafts[0].k
    n = max(k + SPARE, pipeline.rerank.width(k))
    queries, exclude = [draft.query for draft in drafts], [draft.out for draft in drafts]
    viewer = drafts[0].ask.viewer
    if drafts[0].late:  # the source that answers with the least work; a slow store or a slow model has eaten the time
        pipeline = replace(pipeline, sources=pipeline.sources[-1:])
        for draft in drafts:
            draft.degraded.append("deadline")
    slates = pipeline.candidates(
        queries, n, drafts[0].allowed, exclude, view.overlay, failed, reserve=lambda: view.reserve(viewer)
    )
    drafts[0].laps.lap(CANDIDATES)
    reranked = [_reranked(view, draft, slate) for draft, slate in zip(drafts, slates, strict=True)]
    drafts[0].laps.lap(RERANK)
    return reranked


def _reranked(view: View, draft: Draft, slate: Slate) -> Slate:
    """Diversity, calibration, exploration; a list around one work is meant to be alike and stays as it is."""
    ask = draft.ask
    if ask.similar_to is not None or draft.late:
        return slate
    seed = ask.seed if _may_explore(view, draft) else None
    try:
        slate, propensities = draft.pipeline.reranked(slate, draft.query, draft.k, view.overlay, seed)
    except Exception:
        log.exception("rerank_failed")
        draft.degraded.append("rerank_failed")
        propensities = np.zeros(0)
    draft.propensities = dict(zip(slate.items.tolist(), propensities.tolist(), strict=False))
    return slate


def _may_explore(view: View, draft: Draft) -> bool:
    """Not for minors, not on strict surfaces, and not where two users in one context must get one list."""
    viewer = draft.ask.viewer
    minor = viewer.age is not None and viewer.age < view.policy.age_bands[-1]
    return draft.personalised and not minor and not view.limits(viewer).strict


def _finished(view: View, draft: Draft, slate: Slate) -> Slate:
    """Overrides, caps, check; what caps and check remove is refilled from the masked pool and checked again."""
    for _ in range(ROUNDS):
        placed = _placed(view, draft, slate)
        draft.laps.lap(OVERRIDES)
        verdicts = view.gate.check(draft.ask.viewer, placed.items)
        fine = verdicts.allowed
        draft.why += [] if fine.all() else [verdicts.reasons[place] for place in np.flatnonzero(~fine)]
        draft.laps.lap(CHECK)
        kept = placed if fine.all() else _taken(placed, fine)  # what goes takes nobody's place under a cap
        surplus = np.setdiff1d(view.surplus(kept, draft.ask.viewer), draft.out) if len(kept) < draft.k else NOTHING_MORE
        if fine.all() and not len(surplus):
            return placed
        draft.removed = np.concatenate([draft.removed, placed.items[~fine]])
        draft.surplus = np.concatenate([draft.surplus, surplus]) if fine.all() else NOTHING_MORE
        slate = _candidates(view, [draft])[0]
    return kept


def _placed(view: View, draft: Draft, slate: Slate) -> Slate:
    draft.placed = placed_on(view, draft, slate)
    return view.capped(draft.placed.slate, draft.ask.viewer, draft.k)


def _taken(slate: Slate, keep: BoolArray) -> Slate:
    places = np.flatnonzero(keep)
    return Slate(
        slate.items[places],
        slate.scores[places],
        tuple(slate.sources[place] for place in places),
        tuple(slate.overrides[place] for place in places),
    )


def _answer(view: View, draft: Draft, slate: Slate, now: float) -> Answer:
    ask, degraded = draft.ask, list(draft.degraded)
    if not len(slate) and not draft.page.offset:
        unmatched = ask.filter is not None and draft.visible.any()
        degraded.append("no_matching_items" if unmatched else "no_cleared_items")
    if draft.placed is not None:
        degraded += [f"quota_unmet:{kept.quota}" for kept in draft.placed.quotas if kept.reason is not None]
    reasons = tuple(
        reason_code(
            source,
            override,
            history=draft.has_history,
            profile=bool(draft.query.profile),
            similar=ask.similar_to is not None,
            sponsored=draft.live.sponsor(override) is not None,
        )
        for source, override in zip(slate.sources, slate.overrides, strict=True)
    )
    because = _because(view, draft, slate, reasons) if ask.explain else ()
    checked = view.gate.check_response(ask.viewer, Response(slate.items, because))
    if not checked.verdicts.allowed.all():  # the clock has passed a boundary since the list was checked
        return _answer(view, draft, _taken(slate, checked.verdicts.allowed), now)
    return Answer(
        decision_id=decision_id(),
        at=now,
        ask=ask,
        view=view,
        slate=slate,
        reasons=reasons,
        because=tuple(tuple(view.ids[item] for item in row) for row in checked.because),
        personalised=draft.personalised,
        degraded=tuple(dict.fromkeys(degraded)),
        propensities=_propensities(draft, slate),
        memory=draft.memory,
        notices=checked.verdicts.notices(),
        withheld=checked.withheld,
        signals=view.gate.signals(ask.viewer),
        removed=tuple(draft.why),
        laps=draft.laps.copy(),  # lists made together share the stages so far
        placed=draft.placed,
        offset=draft.page.offset,
        counts=draft.counts,
    )


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


def decision_id() -> str:
    """An id that sorts by time and cannot be guessed."""
    return f"{time.time_ns() // 1_000_000:012x}{uuid.uuid4().hex[:20]}"
