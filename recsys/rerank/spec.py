"""How a list is reranked: the ``[rerank]`` table of a run spec, kept in the bundle's manifest. Everything is off."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Calibration(_Part):
    """How much a list follows the shares that ``field`` has in the history; 1 looks at nothing else."""

    weight: Share = 0.0
    field: Literal["genres", "language", "provider", "media_type"] = "genres"


class Exploration(_Part):
    """In the last ``slots`` places, with probability ``epsilon``, the item is drawn from the rest of the pool.

    It is drawn by softmax of the relevance in the pool (0 to 1) over ``temperature``: small is greedy, large is even.
    """

    slots: int = Field(0, ge=0)
    epsilon: Share = 0.0
    temperature: float = Field(0.2, ge=0.01, le=100, allow_inf_nan=False)

    @property
    def active(self) -> bool:
        return self.slots > 0 and self.epsilon > 0


class Rerank(_Part):
    """What is done to a list between its ranking and the overrides, over the best ``pool`` candidates."""

    pool: int = Field(100, ge=1, le=1000)
    diversity: Share = 0.0  # 0 keeps the order, 1 looks only for what the list does not have yet
    calibration: Calibration = Field(default_factory=Calibration)
    exploration: Exploration = Field(default_factory=Exploration)

    @property
    def reorders(self) -> bool:
        """Whether it changes lists even where nothing is explored."""
        return self.diversity > 0 or self.calibration.weight > 0

    @property
    def active(self) -> bool:
        return self.reorders or self.exploration.active

    def width(self, k: int) -> int:
        """How many candidates are needed where ``k`` items are shown.

        It does not depend on ``k`` up to ``pool``, so that a shorter list is the beginning of a longer one.
        """
        return max(self.pool, k) if self.active else k
