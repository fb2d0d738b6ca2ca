"""How a data set is cut into train, validation and test: the ``[split]`` table of a run spec."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Strategy = Literal["auto", "time", "last", "random", "users"]
_LARGE = 500_000  # events: one window of a log so large has queries enough


class SplitSpec(BaseModel):
    """How to split; shares are of events.

    ``auto`` is ``time`` where the log has times, ``last`` where it has only an order, ``random`` where it has neither.
    ``users`` holds out whole users (strong generalisation, Marlin 2004) and its shares are of users: the last ``asked``
    of what each of them had is the truth, what came before it the query, and training sees nothing of either.
    ``k`` explicit ``cuts`` (ISO 8601, naive = UTC) make ``k - 1`` windows: window ``i`` validates between cut ``i`` and
    the next one and tests between that one and the one after it; the last window is open at its end.
    ``protocol = "online"`` asks one question per target event, with the history up to that event.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Strategy = "auto"
    validation: float = Field(default=0.1, gt=0, lt=1)
    test: float | None = Field(default=None, gt=0, lt=1)  # None: 0.1, for random splits 0.2
    asked: float = Field(default=0.2, gt=0, lt=1)  # of the works of each held-out user, for strategy = "users" only
    windows: Annotated[int, Field(ge=1, le=100)] | Literal["auto"] = 1  # rolling windows, by time only
    cuts: tuple[datetime, ...] | None = None
    protocol: Literal["cut", "online"] = "cut"
    seed: int = Field(default=0, ge=0)

    @field_validator("cuts")
    @classmethod
    def _aware(cls, cuts: tuple[datetime, ...] | None) -> tuple[datetime, ...] | None:
        if cuts is None:
            return None
        aware = tuple(cut.replace(tzinfo=UTC) if cut.tzinfo is None else cut.astimezone(UTC) for cut in cuts)
        if len(aware) < 2:
            raise ValueError("cuts needs at least two times: where validation starts and where test starts")
        if any(later <= earlier for earlier, later in pairwise(aware)):
            raise ValueError("cuts must be in ascending order, each later than the one before")
        return aware

    @model_validator(mode="after")
    def _possible(self) -> "SplitSpec":
        if self.cuts is not None:
            self._cuts_fit()
        elif self.validation + self.windows_of(0) * self.test_share("time") >= 1:
            raise ValueError("validation + windows * test must stay below 1, or nothing is left to train on")
        if self.windows != "auto" and self.windows > 1 and self.strategy in ("last", "random", "users"):
            raise ValueError(f'windows = {self.windows} needs strategy = "time"')
        if self.protocol == "online" and self.strategy == "random":
            raise ValueError('protocol = "online" needs events in a known order; a random split has none')
        if self.protocol == "online" and self.strategy == "users":
            raise ValueError('protocol = "online" asks at every event, and strategy = "users" asks each user once')
        return self

    def _cuts_fit(self) -> None:
        if self.strategy not in ("auto", "time"):
            raise ValueError(f'cuts need strategy = "time", not {self.strategy!r}')
        if self.cuts is not None and self.windows not in ("auto", 1, len(self.cuts) - 1):
            raise ValueError(f"{len(self.cuts)} cuts make {len(self.cuts) - 1} windows, not {self.windows}")

    def windows_of(self, events: int) -> int:
        """How many windows a log of so many events gets: ``auto`` pools three where one would hold few queries."""
        if self.windows == "auto":
            return 3 if events < _LARGE else 1
        return self.windows

    def test_share(self, strategy: Strategy) -> float:
        """The share of events, or of users, in one test slice."""
        if self.test is not None:
            return self.test
        return 0.2 if strategy == "random" else 0.1
