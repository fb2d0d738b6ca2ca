"""A log walked through once, oldest event first: its counts, and what its newest clicks teach."""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from recsys.dataset.data import Dataset
from recsys.models.live import Arrival
from recsys.models.session.counter import SessionCounter
from recsys.models.session.counts import CONTEXT, FOLLOW_LIVES, HALF_LIVES, N_WEIGHTS, Counts, Floats
from recsys.models.session.model import SessionModel
from recsys.types import IntArray, TimeArray

if TYPE_CHECKING:
    from recsys.models.session.recipe import Session

_ENOUGH = 100  # lessons
_NEAR = 100  # items with the most clicks at each half-life that a click is told from
_PENALTY = 1e-3


@dataclass(frozen=True, eq=False)
class _Log:
    """Liked events, oldest first."""

    user: IntArray  # (events,)
    item: IntArray
    time: TimeArray
    weight: Floats
    new: np.ndarray  # (events,) bool: the user's first with the item


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What was known of the candidates of one click."""

    table: Floats  # (candidates, weights)
    clicked: int  # place among them


def walked(recipe: "Session", data: Dataset) -> tuple[Counts, tuple[float, ...] | None]:
    """The counts of the newest events, and weights; None where there is too little to learn from."""
    log = _log(data, recipe.newest)
    wanted = recipe.lessons if recipe.weights is None else 0
    asked = set(np.flatnonzero(log.new)[::-1][:wanted].tolist())
    first = min(asked, default=len(log.item))
    empty = Counts(
        np.zeros(0, np.int32), np.zeros((0, len(HALF_LIVES))), {}, float(log.time[0]) if len(log.time) else 0
    )
    bare = recipe.model_copy(update={"weights": (0.0,) * N_WEIGHTS})
    counter = SessionCounter(SessionModel(bare, empty))
    pasts: defaultdict[int, deque[tuple[int, float]]] = defaultdict(lambda: deque(maxlen=4 * CONTEXT))
    own = _seen(log, first)
    lessons, waiting, counts = [], list[Arrival](), empty
    columns = zip(log.user.tolist(), log.item.tolist(), log.time.tolist(), log.weight.tolist(), strict=True)
    for place, (user, item, time, weight) in enumerate(columns):
        past = pasts[user]
        before = tuple(dict.fromkeys(i for i, t in reversed(past) if time - t <= recipe.gap_minutes * 60))[:CONTEXT]
        if place in asked:
            if len(waiting) >= 8 or counts is empty:  # a lesson may be a few events behind, as a served list is
                counter.count(waiting)
                waiting, counts = [], counter.counts()
            lesson = _lesson(counts, before, own[user], item)
            lessons += [lesson] if lesson is not None else []
        if place >= first:
            own[user].add(item)
        waiting.append(Arrival(item, time, weight, before))
        if not past or past[-1][0] != item:
            past.append((item, time))
    counter.count(waiting)
    return counter.counts(), _weights(lessons) if len(lessons) >= _ENOUGH else None


def _log(data: Dataset, most: int) -> _Log:
    liked = np.flatnonzero(data.positive)
    time = np.asarray(data.time, np.float64)[liked]
    known = time[~np.isnan(time)]
    time = np.where(np.isnan(time), known.min() if len(known) else 0.0, time)
    order = np.argsort(time, kind="stable")
    user, item = np.asarray(data.user)[liked][order], np.asarray(data.item)[liked][order]
    new = np.zeros(len(order), np.bool_)
    new[np.unique(user.astype(np.int64) * data.n_items + item, return_index=True)[1]] = True
    weight = np.asarray(data.weight, np.float64)[liked][order]
    kept = slice(max(len(order) - most, 0), None)
    return _Log(user[kept], item[kept], time[order][kept], weight[kept], new[kept])


def _seen(log: _Log, first: int) -> dict[int, set[int]]:
    """What those who teach had before."""
    own: dict[int, set[int]] = {user: set() for user in np.unique(log.user[first:]).tolist()}
    for user, item in zip(log.user[:first].tolist(), log.item[:first].tolist(), strict=True):
        if user in own:
            own[user].add(item)
    return own


def _lesson(counts: Counts, before: tuple[int, ...], own: set[int], item: int) -> _Lesson | None:
    """None where what was clicked is out of reach."""
    clicks, share = counts.clicks, counts.shares()
    near = min(_NEAR, len(clicks))
    if not near:
        return None
    lifts = [counts.lifts(a, share) for a in before]
    tops = [np.argpartition(-clicks[:, life], near - 1)[:near] for life in range(1, len(HALF_LIVES) - 1)]
    places = np.unique(np.concatenate([*tops, *(place for place, _ in lifts)]))
    places = places[[i not in own for i in counts.items[places].tolist()]]
    found = np.flatnonzero(counts.items[places] == item)
    if not len(found):
        return None
    whole = np.zeros((len(counts.items), CONTEXT, len(FOLLOW_LIVES)))
    for at, (place, lift) in enumerate(lifts):
        whole[place, at] = lift
    base = counts.base()[places]
    return _Lesson(np.concatenate([base, whole[places].reshape(len(places), -1)], axis=1), int(found[0]))


def _weights(lessons: list[_Lesson]) -> tuple[float, ...]:
    """Maximum likelihood with a small penalty on standardised columns."""
    sizes = torch.tensor([len(lesson.table) for lesson in lessons])
    ends = torch.cumsum(sizes, 0)
    x = torch.tensor(np.concatenate([lesson.table for lesson in lessons]))
    clicked = ends - sizes + torch.tensor([lesson.clicked for lesson in lessons])
    owner = torch.repeat_interleave(torch.arange(len(lessons)), sizes)
    spread = x.std(0)
    spread = torch.where(spread > 1e-9, spread, torch.ones_like(spread))
    x = (x - x.mean(0)) / spread
    weights = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=60)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        score = (x @ weights).clamp(-50, 50)
        total = torch.zeros(len(lessons), dtype=torch.float64).index_add(0, owner, torch.exp(score))
        value = (torch.log(total) - score[clicked]).mean() + _PENALTY * (weights**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return tuple(float(f"{weight:.5g}") for weight in (weights.detach() / spread).tolist())
