"""From a request to a query: whose history counts, what must not be shown, what the gate allows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import structlog

from recsys.errors import StoreError
from recsys.prepare.spec import rule_of
from recsys.types import BoolArray, IntArray, Query, Viewer
from serving.asks import Ask, Histories, Memory
from serving.stores.control import Controls, ControlStore
from serving.stores.state import History
from serving.view import View

log = structlog.get_logger()

LEASE_SECONDS = 5.0  # how long a remote control store may be silent before its takedowns may be missing


@dataclass(eq=False)
class Draft:
    """A request on its way through the stages."""

    ask: Ask
    query: Query
    exclude: IntArray  # sorted: hidden, excluded by the request, seen
    allowed: BoolArray  # (items,) what the gate and the editors' excludes leave; shared by a viewer class
    personalised: bool
    has_history: bool
    degraded: list[str]
    memory: Memory  # what was read of the user, for the receipt
    propensities: dict[int, float] = field(default_factory=dict)  # of the items that exploration may have moved


class Drafts:
    """Reads the stores for a request. What cannot be read degrades the list and is named in it."""

    def __init__(self, control: ControlStore, state: Histories, max_history: int) -> None:
        self._control = control
        self._state = state
        self._max_history = max_history

    def draft(self, view: View, ask: Ask, now: float, at: float) -> Draft:
        """One request, ready for ranking for the moment ``at``; gate and overrides go by ``now`` (both s UTC).

        With personalisation off no history and no profile is read at all.
        """
        degraded: list[str] = []
        silent = self._control.silent_seconds() > LEASE_SECONDS
        controls = self._controls(ask.user_id, degraded, silent=silent)
        personalised = ask.viewer.personalised and controls.personalised
        known = self._remembered(view, ask.user_id, degraded) if personalised else Memory()
        session = ask.session if personalised else ()
        refused = controls.hidden | controls.not_interested
        unwanted = [*refused, *ask.exclude]
        if ask.similar_to is not None:
            query = seed(view, ask.similar_to, at, degraded)
            unwanted.append(ask.similar_to)
        else:
            query = self._query(view, known.history, session, at, refused)
        if not view.bundle.manifest.returns:
            unwanted += [*known.seen, *session]
        if personalised:
            query = replace(query, profile={**known.profile, **ask.profile}, context=ask.context)
        exclude = np.unique(view.ids.dense(unwanted))
        allowed = view.allowed(ask.viewer, now)
        if self._control.silent_seconds() > LEASE_SECONDS:
            degraded.append("safety_stale")
            allowed = _vouched(view, ask.viewer, allowed)
        memory = replace(known, controls=controls, max_history=self._max_history)
        return Draft(ask, query, exclude, allowed, personalised, len(query) > 0, degraded, memory)

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

    def _remembered(self, view: View, user_id: str | None, degraded: list[str]) -> Memory:
        if user_id is None:
            return Memory()
        try:
            seen = () if view.bundle.manifest.returns else self._state.seen(user_id)
            return Memory(self._state.history(user_id, self._max_history), seen, self._state.profile(user_id))
        except StoreError as error:
            log.warning("history_unavailable", error=str(error))
            degraded.append("history_unavailable")
            return Memory()

    def _query(
        self, view: View, history: History, session: Sequence[str], at: float, refused: Collection[str]
    ) -> Query:
        """Events and then the session as a history; a work that the user does not want speaks for nothing."""
        size = len(view.bundle.catalogue)
        items = (*history.items, *session)
        index = [None if item in refused else view.ids.get(item) for item in items]
        weights = [rule_of(view.rules, kind).weight for kind in history.kinds] + [1.0] * len(session)
        times = [*history.times, *([at] * len(session))]
        known = [place for place, item in enumerate(index) if item is not None and item < size]
        known = known[-self._max_history :]
        return Query(
            np.array([index[place] for place in known], np.int32),
            np.array([times[place] for place in known], np.float64),
            np.array([weights[place] for place in known], np.float32),
            at,
        )


def _vouched(view: View, viewer: Viewer, allowed: BoolArray) -> BoolArray:
    """What may be shown while takedowns may be missing: nothing on strict surfaces, elsewhere the cleared pool."""
    if view.policy.surface(viewer.surface).strict:
        return np.zeros(len(allowed), np.bool_)
    return np.asarray(allowed & view.gate.cleared(viewer), np.bool_)


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
