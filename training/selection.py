"""Recipes against each other: each chosen on validation, refitted on train + validation, measured on test.

The windows of a split overlap: what is test in one window is validation in the next. So the table pools them all, but
what decides about a model is measured on the newest test slice alone, which nothing was ever chosen on.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recsys.content import ContentSpace
from recsys.dataset.data import Dataset, Holdout, Split
from recsys.errors import FitError
from recsys.evaluate import Evaluation, compare, evaluate, pool
from recsys.metrics import Interval
from recsys.models.item_item import sample
from recsys.models.parts import is_composed, ties
from recsys.models.recipe import FitContext, Model, Recipe, recipes
from recsys.rerank import reranked
from training.plan import Clock, searches, without
from training.spec import RunSpec

FLOOR = "popular"
VALIDATED = 4_000  # queries of a validation slice, at most, that sections of a spec with a budget are compared on
Watch = Callable[[int, int, Mapping[str, float]], None]  # window, step, metrics of that step


def nobody(window: int, step: int, metrics: Mapping[str, float]) -> None:
    """A watch that looks away."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One recipe over every window of a split."""

    section: str
    recipe: Recipe  # as the spec has it
    resolved: Recipe  # what validation chose in the newest window
    validation: Evaluation  # windows pooled; fitted on train
    test: Evaluation  # newest window: ``resolved``, fitted on train + validation
    pooled_test: Evaluation  # every window with what its own validation chose; ``test`` itself where there is one
    seconds: float


class Arena:
    """The windows of one run and the models fitted in them, so that a blend reuses its parts.

    ``checkpoint`` is the folder that a long fit saves its state in, to go on from after a crash.
    """

    def __init__(
        self, windows: Sequence[Split], spec: RunSpec, *, device: str = "cpu", checkpoint: Path | None = None
    ) -> None:
        if not windows:
            raise FitError("The split has no window to fit in; give the log more events or choose another [split].")
        self.windows = windows
        self.spec = spec
        self.left_out: dict[str, str] = {}  # sections that were not tried, and why
        searching = sum(map(searches, spec.models.values()))
        events = windows[-1].train_validation.n_events
        self.clock = Clock(spec.budget.minutes, searching, len(windows), events)
        self.known: dict[tuple[Recipe, bytes], Model] = {}  # a ranker asks for parts on what an earlier fit has seen
        context = FitContext(seed=spec.seed, device=device, checkpoint=checkpoint, known=self.known)
        self._choosing = [replace(context, holdout=split.validation, _fitted={}) for split in windows]
        self._exact = [replace(context, _fitted={}) for _ in windows]
        most = VALIDATED if spec.budget.minutes is not None else sys.maxsize
        self._validation = [sample(split.validation, most) for split in windows]
        diverse = spec.rerank.diversity > 0
        self._content = ContentSpace.fit(windows[0].train.catalogue, seed=spec.seed) if diverse else None

    def trial(self, section: str, recipe: Recipe, watch: Watch = nobody) -> Trial:
        """Fit, choose, refit and measure a recipe in every window."""
        begin = time.perf_counter()
        chosen, validation, test = [], [], []
        for place, split in enumerate(self.windows):
            context = replace(self._choosing[place], report=_report(watch, place), until=self.clock.until(recipe))
            model = self._kept(context.fit(recipe, split.train), split.train)
            validation.append(self._measure(section, model, self._validation[place], split.train))
            chosen.append(model.recipe)
            test.append(self._exactly(section, model.recipe, place))
        seconds = time.perf_counter() - begin
        self.clock.done += searches(recipe)
        pooled = pool(test) if len(test) > 1 else test[0]
        return Trial(section, recipe, chosen[-1], pool(validation), test[-1], pooled, seconds)

    def leave_out(self, section: str, why: str) -> None:
        """Do without a section, also as a part of others."""
        models, self.left_out = without(self.spec.models, {**self.left_out, section: why})
        self.spec = self.spec.model_copy(update={"models": models})

    def fixed(self, name: str, recipe: Recipe) -> Evaluation:
        """A recipe as it stands in the newest window, fitted on train + validation and measured on test."""
        return self._exactly(name, recipe, len(self.windows) - 1)

    def model(self, recipe: Recipe) -> Model:
        """The model that ``fixed`` measures."""
        return self._exact[-1].fit(recipe, self.windows[-1].train_validation)

    def _exactly(self, name: str, recipe: Recipe, place: int) -> Evaluation:
        split = self.windows[place]
        model = self._kept(self._exact[place].fit(recipe, split.train_validation), split.train_validation)
        return self._measure(name, model, split.test, split.train_validation)

    def _kept(self, model: Model, data: Dataset) -> Model:
        return self.known.setdefault((model.recipe, data.mark), model)

    def _measure(self, name: str, model: Model, holdout: Holdout, data: Dataset) -> Evaluation:
        served = reranked(model, self.spec.rerank, data.catalogue, self._content)
        return evaluate(served, holdout, data, ks=self.spec.k, name=name, seed=self.spec.seed)


@dataclass(frozen=True, eq=False)
class Contest:
    """The trials of a spec. ``best`` was chosen on validation.

    ``floor`` is ``popular`` with its best half-life: of the spec, or beside it where the spec has none or fixes it.
    """

    trials: tuple[Trial, ...]
    best: Trial
    floor: Trial
    left_out: Mapping[str, str]  # sections that were not tried, and why


def hold(arena: Arena, run: Callable[[str], Trial]) -> Contest:
    """Let every section of the spec compete; ``run`` makes the trial of a section. The first of equals wins.

    A section that is learned over others is preferred to a simple one that is not better by a standard error.
    With a budget a section that cannot be fitted on this log, or for which no time is left, is left out.
    """
    trials = tuple(_trials(arena, run))
    best = _preferred(trials, arena.spec.metric)
    open_floor = recipes()[FLOOR]()  # chooses its half-life on validation
    known = next((trial for trial in trials if trial.recipe == open_floor), None)
    return Contest(trials, best, known or arena.trial(_free(FLOOR, arena.spec), open_floor), arena.left_out)


def _preferred(trials: Sequence[Trial], metric: str) -> Trial:
    """The best on validation, or the last section made of others that ties with it (docs/adr/0003 has the regrets).

    Simple recipes choose their settings on the very queries that they are compared on here, and so flatter themselves.
    """
    best = max(trials, key=lambda trial: trial.validation.mean(metric))
    if metric not in best.validation.per_query:
        return best
    values = best.validation.values(metric)
    composed = [trial for trial in trials if is_composed(trial.resolved)]
    tied = [trial for trial in composed if ties(values, trial.validation.values(metric))]
    return tied[-1] if tied else best


def _trials(arena: Arena, run: Callable[[str], Trial]) -> Iterator[Trial]:
    budgeted = arena.spec.budget.minutes is not None
    for place, section in enumerate(list(arena.spec.models)):
        if section in arena.left_out:
            continue
        late = arena.clock.spent() if place else None
        if late is not None:
            arena.leave_out(section, late)
            continue
        try:
            yield run(section)
        except FitError as error:
            if not budgeted:
                raise
            arena.leave_out(section, str(error))


def _free(name: str, spec: RunSpec) -> str:
    """A name that no section of the spec has."""
    while name in spec.models:
        name += " floor"
    return name


def ratio(a: Evaluation, b: Evaluation, spec: RunSpec) -> Interval:
    """a ÷ b in the spec's metric, paired on the same queries."""
    return compare(a, b, spec.metric, seed=spec.seed)


def _report(watch: Watch, place: int) -> Callable[[int, Mapping[str, float]], None]:
    return lambda step, metrics: watch(place, step, metrics)
