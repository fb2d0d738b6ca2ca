"""From where on drift is told, and from where on it blocks: data, part of the gate."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class Limit(BaseModel):
    """Two thresholds; one that is left out is never reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    warn: float | None = None
    block: float | None = None


class DriftLimits(BaseModel):
    """Thresholds by kind of measure, and ``measures`` for single ones by name (``items.genres``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    days: PositiveFloat = 28.0  # of the older version's newest events, which the new ones are compared with
    queries: PositiveInt = 500  # users of each version whose lists are compared
    psi: Limit = Limit(warn=0.2, block=0.5)  # population stability index
    js: Limit = Limit(warn=0.1, block=0.4)  # Jensen-Shannon divergence, bits: 0 to 1
    share: Limit = Limit(warn=0.5)  # of new users and new items in the new events
    rate: Limit = Limit(warn=3.0)  # how many times more, or fewer
    overlap: Limit = Limit(warn=0.2)  # of two lists of 20; less is worse
    measures: dict[str, Limit] = Field(default_factory=dict)

    def of(self, name: str, kind: str) -> Limit:
        """The thresholds of one measure."""
        own = self.measures.get(name)
        general: Limit = getattr(self, kind)
        return general if own is None else own
