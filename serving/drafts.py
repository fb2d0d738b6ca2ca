"""From a request to a query: whose history counts, what must not be shown, what the gate allows."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import structlog

from recsys.errors import StoreError
from recsys.overrides import NONE_LIVE, ExposureCounts, NoExposure, Person, Placed
from recsys.overrides import Live as LiveOverrides
from recsys.overrides.live import places_in
from recsys.pipeline import Pipeline
from recsys.types import NOTHING as NOTHING_SAID
from recsys.types import BoolArray, FloatArray, IntArray, Query, Slate
from serving.asks import Ask, Histories, Memory
from serving.laps import Laps
from serving.memories import NOBODY, Known, Memories, weights_of
from serving.paging import DEPTH, FIRST, PURPOSE, Page, Tokens
from serving.scene import NOTHING, Masks, Scene, Scenes
from serving.stores.control import Controls, ControlStore
from serving.view import View

log = structlog.get_logger()

LEASE_SECONDS = 5.0  # how long a remote control store may be silent before its takedowns may be missing


@dataclass(frozen=True, slots=True, eq=False)
class Lifted:
    """What the models say of items beyond the candidates."""

    items: IntArray  # sorted
    scores: FloatArray  # (items,)

    def of(self, items: IntArray) -> FloatArray:
        """(items,) scores; NaN where nothing was asked."""
        places = places_in(self.items, items)
        return np.where(places < 0, np.nan, self.scores.take(places, mode="clip"))


@dataclass(eq=False)
class Draft:
    """A request on its way through the stages."""

    ask: Ask
    scene: Scene
    query: Query
    exclude: IntArray  # sorted: hidden, excluded by the request, seen, on the pages before
    visible: BoolArray  # (items,) what the gate and the editors' excludes leave; shared by a viewer class
    allowed: BoolArray  # (items,) what the filter and the series leave of it; shared where no series is begun
    personalised: bool
    has_history: bool
    degraded: list[str]
    memory: Memory  # what was read of the user, for the receipt
    page: Page = FIRST
    pipeline: Pipeline = field(kw_only=True)  # the bundle's, with the counts of this moment
    counts: str | None = None  # the version of these counts
    removed: IntArray = field(default_factory=lambda: NOTHING)  # by the last check, from this page
    surplus: IntArray = field(default_factory=lambda: NOTHING)  # by caps, as long as what fills them stays
    live: LiveOverrides = NONE_LIVE  # the campaigns that hold for this viewer
    propensities: dict[int, float] = field(default_factory=dict)  # of the items that exploration may have moved
    placed: Placed | None = None
    lifted: Lifted | None = None  # what editors want beyond the candidates
    why: list[str] = field(default_factory=list)  # the last check took items out
    laps: Laps = field(default_factory=Laps)

    @property
    def late(self) -> bool:
        """Whether the time for this list is up."""
        return time.monotonic() > self.ask.deadline

    @property
    def k(self) -> int:
        """How many items this page may have; the first may be as long as it is asked for."""
        return min(self.ask.k, DEPTH - self.page.offset) if self.page.offset else self.ask.k

    @property
    def out(self) -> IntArray:
        """Sorted: what must not come on this page."""
        if not len(self.removed) and not len(self.surplus):
            return self.exclude
        return np.unique(np.concatenate([self.exclude, self.removed, self.surplus])).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class _Asker:
    """Whoever asks, as far as they may be known."""

    personalised: bool
    known: Known
    session: tuple[str, ...]
    refused: frozenset[str]  # ids: hidden, or of no interest
    profile: Mapping[str, str]
    context: Mapping[str, str]


class Drafts:
    """Reads the stores for a request. What cannot be read degrades the list and is named in it."""

    def __init__(
        self, control: ControlStore, state: Histories, max_history: int, exposure: ExposureCounts | None = None
    ) -> None:
        self._control = control
        self.memories = Memories(state, max_history)
        self._max_history = max_history
        self._exposure = exposure or NoExposure()
        self._tokens = Tokens(control.derived_key(PURPOSE), control.pseudonym)

    def draft(self, view: View, scenes: Scenes, ask: Ask, now: float, at: float) -> Draft:
        """One request, ready for ranking for the moment ``at``; gate and overrides go by ``now`` (both s UTC).

        With personalisation off no history and no profile is read at all. AskError where filter or page_token is none.
        """
        degraded: list[str] = []
        scene = scenes.of(ask.viewer)
        silent = self._control.silent_seconds() > LEASE_SECONDS
        page = self._tokens.read(ask, now)
        controls = self._controls(ask.user_id, degraded, silent=silent)
        asker = self._asker(view, ask, controls, degraded)
        query = self._query(view, ask, asker, at, degraded)
        exclude = _unwanted(view, ask, asker)
        if page.offset:
            exclude = np.union1d(exclude, view.marked.items(page.marks)).astype(np.int32)
        person = Person(ask.user_id, query.profile, ask.context, scene.minor, asker.personalised)
        live = view.overrides.live(ask.viewer, now, person, self._exposure)
        visible = scene.visible(live)
        if scenes.stale:
            degraded.append("policy_stale")
        if self._control.silent_seconds() > LEASE_SECONDS:
            degraded.append("safety_stale")
            visible = np.asarray(visible & scene.vouched, np.bool_)
        memory = asker.known.memory
        return Draft(
            ask,
            scene,
            query,
            exclude,
            visible,
            _eligible(view, ask, visible, asker),
            asker.personalised,
            len(query) > 0,
            degraded,
            Memory(memory.history, memory.seen, memory.profile, controls, self._max_history),
            page,
            live=live,
            pipeline=view.bundle.pipeline,
        )

    def _asker(self, view: View, ask: Ask, controls: Controls, degraded: list[str]) -> _Asker:
        """Who asks. With personalisation off nothing is read of them but what they refuse."""
        refused = controls.hidden | controls.not_interested
        if not (ask.viewer.personalised and controls.personalised):
            return _Asker(False, NOBODY, (), refused, NOTHING_SAID, NOTHING_SAID)
        known = self._known(view, ask.user_id, degraded)
        return _Asker(True, known, ask.session, refused, {**known.memory.profile, **ask.profile}, ask.context)

    def _query(self, view: View, ask: Ask, asker: _Asker, at: float, degraded: list[str]) -> Query:
        """What is asked of the models."""
        known, profile, context = asker.known, asker.profile, asker.context
        if ask.similar_to is not None:
            return replace(seed(view, ask.similar_to, at, degraded), profile=profile, context=context)
        if asker.refused or asker.session or known.items is None:
            return replace(self._history(view, asker, at), profile=profile, context=context)
        return Query(known.items, known.times, known.weights, at, profile, context)

    def next_page(self, view: View, draft: Draft, slate: Slate, now: float, masks: Masks) -> str | None:
        """The token of the page after ``slate``; None where nothing is left, or the list is as deep as it may be."""
        if not len(slate) or draft.page.offset + len(slate) >= DEPTH:
            return None
        if masks.size(draft.allowed) <= len(draft.exclude) + len(slate):  # else something is left, whatever it is
            left = draft.allowed.copy()
            left[draft.exclude] = False
            left[slate.items] = False
            if not left.any():
                return None
        shown = view.marked.marks(slate.items)
        return self._tokens.give(draft.ask, draft.page, shown, now, personal=draft.personalised)

    def _controls(self, user_id: str | None, degraded: list[str], *, silent: bool) -> Controls:
        if user_id is None:
            return Controls()
        try:
            if silent:  # no request waits for a store that is known not to answer
                raise StoreError("The control store has been silent for longer than the lease.")
            return self._control.controls(user_id)
        except StoreError as error:
            # Whoever has opted out cannot be told apart now, so everybody is treated as opted out.
            log.warning("controls_unavailable", error=str(error))
            degraded.append("controls_unavailable")
            return Controls(personalised=False)

    def _known(self, view: View, user_id: str | None, degraded: list[str]) -> Known:
        if user_id is None:
            return NOBODY
        try:
            return self.memories.of(view, user_id)
        except StoreError as error:
            log.warning("history_unavailable", error=str(error))
            degraded.append("history_unavailable")
            return NOBODY

    def _history(self, view: View, asker: _Asker, at: float) -> Query:
        """Events and then the session as a history; a work that the user does not want speaks for nothing."""
        size, history, session = len(view.bundle.catalogue), asker.known.memory.history, asker.session
        items, had = (*history.items, *session), (*asker.known.had, *view.ids.places(session))
        times = [*history.times, *([at] * len(session))]
        weights = weights_of(view, history.kinds) + [1.0] * len(session)
        told = [place for place, item in enumerate(had) if item is not None and item < size]
        places = [place for place in told if items[place] not in asker.refused][-self._max_history :]
        return Query(
            np.array([had[place] for place in places], np.int32),
            np.array([times[place] for place in places], np.float64),
            np.array([weights[place] for place in places], np.float32),
            at,
        )


def _unwanted(view: View, ask: Ask, asker: _Asker) -> IntArray:
    """Sorted: what must not be shown to whoever asks."""
    unwanted = [*asker.refused, *ask.exclude]
    if ask.similar_to is not None:
        unwanted.append(ask.similar_to)
    if not view.bundle.manifest.returns:
        unwanted.extend(asker.session)
    if not unwanted:
        return asker.known.seen
    return np.union1d(asker.known.seen, view.ids.dense(unwanted)).astype(np.int32)


def _eligible(view: View, ask: Ask, visible: BoolArray, asker: _Asker) -> BoolArray:
    """(items,) what the filter and the series leave: of series begun the next episode, of others the first."""
    opening = ask.series == "next"
    allowed = view.narrowed(visible, ask.filter, opening)
    if not opening or not len(view.series):
        return allowed
    known = asker.known.memory
    seen = [*known.history.items, *known.seen, *asker.session]
    if not seen:
        return allowed
    episodes, following = view.series.after(view.ids.dense(seen))
    if not len(episodes):
        return allowed
    own = allowed.copy()
    own[episodes] = False
    own[following] = view.narrowed(visible, ask.filter, False)[following]
    return own


def seed(view: View, item_id: str, now: float, degraded: list[str]) -> Query:
    """A history of one item; of its neighbours where the models do not know the item yet."""
    index, size = view.ids.get(item_id), len(view.bundle.catalogue)
    items, weights = np.zeros(0, np.int32), np.zeros(0, np.float32)
    if index is None:
        degraded.append("unknown_item")
    elif index < size:
        items, weights = np.array([index], np.int32), np.ones(1, np.float32)
    else:
        near = view.overlay.weights[index - size]
        items, weights = view.overlay.neighbours[index - size][near > 0], near[near > 0]
    return Query(items, np.full(len(items), now), weights, now)
