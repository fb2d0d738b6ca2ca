"""What is asked of the engine and what it answers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from recsys.errors import ConfigError
from recsys.overrides import Placed
from recsys.safety import Notice, Signals
from recsys.types import NOTHING, Slate, Viewer
from serving.laps import Laps
from serving.stores.records import Controls
from serving.stores.state import History

if TYPE_CHECKING:
    from serving.view import View


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a list."""

    viewer: Viewer
    k: int = 10
    user_id: str | None = None
    session: tuple[str, ...] = ()  # item ids of an anonymous or running session, oldest first
    exclude: tuple[str, ...] = ()
    profile: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    explain: bool = False
    similar_to: str | None = None
    deadline: float = math.inf  # time.monotonic() from which on the list does with the least work that is still safe
    seed: int | None = None  # of what is explored: nothing is without one; a logged one gives the same list again
    filter: str | None = None  # a condition on items, see recsys.expressions
    series: Literal["next", "all"] = "next"  # of a series: the next episode only, or any
    page_token: str | None = None  # of the page before


@dataclass(frozen=True, slots=True)
class Memory:
    """What the stores said of a user when a list was made: the newest events, every item ever had, profile, choices."""

    history: History = field(default_factory=History)
    seen: Sequence[str] = ()
    profile: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    controls: Controls = field(default_factory=Controls)
    max_history: int = 200  # how many events of history and session a model was given at most


@dataclass(frozen=True, eq=False)
class Answer:
    """The list, why it is so, and under which versions it was made."""

    decision_id: str
    at: float
    ask: Ask
    view: "View"
    slate: Slate
    reasons: tuple[str, ...]  # codes, aligned with the slate
    because: tuple[tuple[str, ...], ...]  # ids of history items, aligned; empty unless asked for
    personalised: bool
    degraded: tuple[str, ...]
    propensities: tuple[float, ...] = ()  # aligned with the slate; empty where nothing was explored
    memory: Memory | None = None  # for the receipt; None where no list could be made
    notices: tuple[Notice | None, ...] = ()  # aligned: what a viewer is told of an item that is shown with a label
    withheld: tuple[tuple[str, ...], ...] = ()  # aligned: parts of an item that are not shown
    signals: Signals | None = None  # for minors
    removed: tuple[str, ...] = ()  # why the last check took items out, one reason an item
    laps: Laps = field(default_factory=Laps)
    placed: Placed | None = None  # what of campaigns and quotas held, and what was unserved
    offset: int = 0  # places on the pages before
    next_page: str | None = None  # the token of the next page, None where this is the last


class AskError(ConfigError):
    """A request that cannot be answered as it is; ``field`` is the one to correct."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Histories(Protocol):
    """What the engine asks of a state store; a lake read offline fulfils it too."""

    def history(self, user_id: str, limit: int | None = None) -> History:
        """Everything a user has had, oldest first."""
        ...

    def seen(self, user_id: str) -> Sequence[str]:
        """Every item a user has had, each once."""
        ...

    def profile(self, user_id: str) -> Mapping[str, str]:
        """What is known of a user beyond events."""
        ...
