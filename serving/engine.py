"""One request from draft to list: candidates, overrides, caps, check. Check is always the last to touch a list."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import structlog

from recsys.clock import Clock
from recsys.models.memory import TOGETHER, one_request
from recsys.overrides import ExposureCounts, NoExposure
from recsys.safety import Verdicts
from recsys.types import Slate, Viewer
from serving.answering import answered, decision_id, explained, taken
from serving.asks import Answer, Ask, Histories
from serving.current import Live
from serving.drafts import Draft, Drafts
from serving.laps import CANDIDATES, CHECK, DRAFT, OVERRIDES, RERANK, Laps
from serving.live import Follower
from serving.placing import place_all
from serving.scene import NOTHING, Masks, Scenes
from serving.stores.control import ControlStore
from serving.trials import judged_by
from serving.view import View

log = structlog.get_logger()

SPARE = 50  # candidates beyond k, so that overrides, caps and the last check rarely need another round
ROUNDS = 8  # how often a list is refilled after caps and the last check before it stays short


class Engine:
    """Answers batches of requests against the live view. Thread-safe; keeps what it read of users for a minute."""

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
        now, laps, scenes = self._clock(), Laps(), Scenes(view)
        moment = now if self._at is None else self._at
        drafts = [self._drafts.draft(view, scenes, ask, now, moment) for ask in asks]
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
        placed: list[tuple[Draft, Slate]] = []
        for group in classes.values():
            slates = _candidates(view, group)
            placed += zip(group, place_all(view, group, slates, scenes.masks), strict=True)
            laps.lap(OVERRIDES)
        # what nobody objects to is answered as it was judged here, and nothing touches it any more
        judged = {id(draft): (slate, verdicts) for draft, slate, verdicts in _checked(view, placed)}
        laps.lap(CHECK)
        return [self._answered(view, draft, *judged[id(draft)], now, scenes.masks) for draft in drafts]

    def _answered(self, view: View, draft: Draft, slate: Slate, verdicts: Verdicts, now: float, masks: Masks) -> Answer:
        for _ in range(ROUNDS):
            slate, verdicts = _finished(view, draft, slate, verdicts, masks)
            shown, checked = explained(view, draft, slate, verdicts)
            if len(shown) == len(slate):
                break
            # the clock has passed a boundary meanwhile; what goes leaves its place under a cap to others
            gone = np.setdiff1d(slate.items, shown.items)
            draft.removed, draft.surplus = np.concatenate([draft.removed, gone]), NOTHING
            slate, verdicts = _refilled(view, draft, masks)
        next_page = self._drafts.next_page(view, draft, shown, now, masks)
        return answered(view, draft, shown, checked, now, next_page)

    def follow(self, view: View) -> None:
        """Bring the counts of live sources up to date, and drop what was kept of users, without a request."""
        self._drafts.memories.forget()
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

    if drafts[0].late:  # the source that answers with the least work; a slow store or a slow model has eaten the time
        for draft in drafts:
            draft.pipeline = replace(draft.pipeline, sources=draft.pipeline.sources[-1:])
            draft.degraded.append("deadline")
    pipeline, k, viewer = drafts[0].pipeline, drafts[0].k, drafts[0].ask.viewer
    n = max(k + SPARE, pipeline.rerank.width(k))
    queries, exclude = [draft.query for draft in drafts], [draft.out for draft in drafts]
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
    # two users in one context must get one list where nothing personal counts
    seed = ask.seed if draft.personalised and draft.scene.may_explore else None
    try:
        slate, propensities = draft.pipeline.reranked(slate, draft.query, draft.k, view.overlay, seed)
    except Exception:
        log.exception("rerank_failed")
        draft.degraded.append("rerank_failed")
        propensities = np.zeros(0)
    if len(propensities):
        draft.propensities = dict(zip(slate.items.tolist(), propensities.tolist(), strict=False))
    return slate


def _checked(view: View, placed: Sequence[tuple[Draft, Slate]]) -> Iterator[tuple[Draft, Slate, Verdicts]]:
    """Lists of all drafts with what the gate says of them, a call for each viewer."""
    viewers: defaultdict[Viewer, list[tuple[Draft, Slate]]] = defaultdict(list)
    for draft, slate in placed:
        viewers[draft.ask.viewer].append((draft, slate))
    for viewer, own in viewers.items():
        found = view.gate.check_lists(viewer, [slate.items for _, slate in own])
        yield from ((draft, slate, verdicts) for (draft, slate), verdicts in zip(own, found, strict=True))


def _finished(view: View, draft: Draft, slate: Slate, verdicts: Verdicts, masks: Masks) -> tuple[Slate, Verdicts]:
    """A list as the check leaves it; what caps and check remove is refilled from the masked pool and checked again."""
    for turn in range(ROUNDS):
        if turn:
            slate, verdicts = _refilled(view, draft, masks)
        fine = verdicts.allowed
        whole = bool(fine.all())
        kept = slate if whole else taken(slate, fine)  # what goes takes nobody's place under a cap
        surplus = freed = NOTHING
        if len(kept) < draft.k:
            crowded = view.surplus(kept, draft.ask.viewer)
            surplus = np.setdiff1d(crowded, draft.out)
            freed = np.setdiff1d(draft.surplus, crowded)  # set aside for works that have left the list since
        if whole and not len(surplus):
            if not len(freed):
                return slate, verdicts
            draft.surplus = np.setdiff1d(draft.surplus, freed)
            continue
        if not whole:
            draft.why += [verdicts.reasons[place] for place in np.flatnonzero(~fine)]
        draft.removed = np.concatenate([draft.removed, slate.items[~fine]])
        draft.surplus = np.concatenate([draft.surplus, surplus]) if whole else NOTHING
    return kept, view.gate.check(draft.ask.viewer, kept.items)


def _refilled(view: View, draft: Draft, masks: Masks) -> tuple[Slate, Verdicts]:
    """Another list without what has been removed, and what the gate says of it."""
    slate = place_all(view, [draft], _candidates(view, [draft]), masks)[0]
    draft.laps.lap(OVERRIDES)
    verdicts = view.gate.check(draft.ask.viewer, slate.items)
    draft.laps.lap(CHECK)
    return slate, verdicts
