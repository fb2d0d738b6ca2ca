"""What was asked of this worker lately, without who asked: a new bundle answers it before it is let in."""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from recsys.types import Viewer
from serving.asks import Ask
from serving.view import View

KEPT = 64
FIRST = (Ask(Viewer(), 20), Ask(Viewer(), 20, session=("",) * 5, explain=True), Ask(Viewer("home"), 5))


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes a request cheap or dear, and nothing that belongs to a user."""

    surface: str
    territory: str | None
    age: int | None
    personalised: bool
    k: int
    session: int  # items
    similar: bool
    explain: bool

    @classmethod
    def of(cls, ask: Ask) -> "Shape":
        """The shape of a request."""
        viewer = ask.viewer
        place = (viewer.surface, viewer.territory, viewer.age, viewer.personalised)
        # A known user's history is of some length too: it is rehearsed as a session.
        length = len(ask.session) or (10 if ask.user_id is not None else 0)
        return cls(*place, ask.k, length, ask.similar_to is not None, ask.explain)

    def ask(self, ids: list[str], rng: np.random.Generator) -> Ask:
        """A request of this shape over items of another catalogue."""
        viewer = Viewer(self.surface, self.territory, self.age, self.personalised)
        drawn = tuple(ids[place] for place in rng.integers(0, len(ids), max(self.session, 1)))
        asked = Ask(viewer, self.k, explain=self.explain)
        return replace(asked, similar_to=drawn[0]) if self.similar else replace(asked, session=drawn[: self.session])


class Rehearsal:
    """The shapes of the newest requests, at most ``KEPT``."""

    def __init__(self) -> None:
        self._shapes: deque[Shape] = deque((Shape.of(ask) for ask in FIRST), maxlen=KEPT)

    def note(self, ask: Ask) -> None:
        """Remember the shape of a request."""
        self._shapes.append(Shape.of(ask))

    def asks(self, view: View) -> list[Ask]:
        """Requests of these shapes over the items of ``view``, the same for the same shapes."""
        rng = np.random.default_rng(0)
        ids = list(view.ids.ids)
        return [shape.ask(ids, rng) for shape in tuple(self._shapes)] if ids else []
