"""The recipe ``trending``: how fast each kind of work is forgotten, and how far a territory goes its own way."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt

from recsys.dataset.data import Dataset
from recsys.errors import BundleError
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register
from recsys.models.trending.model import TrendingModel, load_counts
from recsys.models.trending.segments import plain

DEFAULT_HALF_LIFE = 30.0  # days
DEFAULT_SHRINKAGE = 300.0  # events

Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pairs = tuple[tuple[str, Days], ...]


def _as_pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _each_once(pairs: Pairs) -> Pairs:
    named = {plain(name): days for name, days in pairs}
    if len(named) < len(pairs) or "" in named:
        raise ValueError("name each media type once")
    return tuple(sorted(named.items()))


@register("trending")
class Trending(Recipe):
    """Positive events a day of each item, as a window of exponential decay sees them at the newest event.

    Unlike ``popular`` it may forget each media type at its own pace, knows territories, and goes on counting between
    retrainings (``LiveTrending``). Scores are events a day, so that media types compare: the decayed count over the
    days that its window spans (half-life / ln 2, less where the log is younger). A rate that rests on few events is
    held down, so that a single click within a window of minutes is not a landslide. Without times it counts plainly.

    * ``half_life_days`` None is chosen on the holdout, from 2 minutes to a century; else 30.
    * ``by_media_type`` holds the half-lives in days of media types (the items' ``media_type``) that differ from that
      one, as a table or as pairs. None: every type with ``min_events`` positive events has one chosen on the holdout,
      by the ranking of its works alone, which is kept where it is better by more than its standard error; else none.
    * ``shrinkage`` is how many recent events of a territory weigh as much as everyone's; None is chosen on the
      holdout; else 300. Territories are the ``max_territories`` with the most positive events, at least ``min_events``
      of at least three people, by ``territory`` or ``country`` of the users' profiles; a query may name its own in its
      context.
    """

    half_life_days: Days | None = None
    by_media_type: Annotated[Pairs, BeforeValidator(_as_pairs), AfterValidator(_each_once)] | None = None
    shrinkage: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    min_events: PositiveInt = 1_000
    max_territories: NonNegativeInt = 32

    def fit(self, data: Dataset, ctx: FitContext) -> TrendingModel:
        """Count positive events; what is None is chosen on the holdout where there is one."""
        # Imported here because a worker that only maps a model has no use for the search.
        from recsys.models.trending.choice import chosen
        from recsys.models.trending.log import Log

        log = Log.of(data, self.min_events, self.max_territories)
        told = self if ctx.holdout is None or len(ctx.holdout) == 0 else chosen(self, log, ctx.holdout)
        recipe = told.settled()
        return TrendingModel(recipe, log.counts(log.half_lives(recipe)))

    def settled(self) -> "Trending":
        """The recipe with the stated defaults where it is still open."""
        stated = {"half_life_days": DEFAULT_HALF_LIFE, "by_media_type": (), "shrinkage": DEFAULT_SHRINKAGE}
        return self.model_copy(update={name: v for name, v in stated.items() if getattr(self, name) is None})

    def half_life(self, media_type: str | None) -> float:
        """Days of one media type, compared without case; None is unknown."""
        return dict(self.by_media_type or ()).get(plain(media_type), self.half_life_days or DEFAULT_HALF_LIFE)

    @classmethod
    def load(cls, folder: Path) -> Model:
        recipe = load_recipe(folder)
        if not isinstance(recipe, Trending):
            raise BundleError(f"{folder} holds a {recipe.name}, not a trending model; publish the bundle again.")
        return TrendingModel(recipe, load_counts(folder))
