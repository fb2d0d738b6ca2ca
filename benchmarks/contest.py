"""The best of our single models on a validation slice: tuned once, written to a spec, refitted by every run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import specs
from benchmarks.form import Options
from benchmarks.tuning import VAR, Journal, Space, Tried, draws, journal
from recsys.dataset.data import Dataset, Holdout
from recsys.errors import RecsysError
from recsys.models.holdout import holdout_ndcg
from recsys.models.recipe import FitContext, Model, Recipe, parse

THREADS = 2
Slices = Sequence[tuple[Dataset, Holdout]]  # what a setting is fitted on, and what it is judged by


@dataclass(frozen=True)
class Candidate:
    """A recipe with what is fixed and what is searched; a field that is neither is chosen by the recipe itself."""

    recipe: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    trials: int = 1

    def settings(self) -> list[dict[str, Any]]:
        """The settings to try; the first leaves every searched field to the recipe."""
        tried = [{}, *draws(self.space, self.trials - 1)] if self.trials > 1 else [{}]
        return [{"recipe": self.recipe, **self.fixed, **one} for one in tried]


QUICK = (Candidate("popular"), Candidate("als", {"factors": 8, "epochs": 2, "alpha": 4.0, "reg": 10.0}))


def tune(name: tuple[str, str], candidates: Sequence[Candidate], slices: Slices, k: int, options: Options) -> None:
    """Try every candidate on the slices and write all of them to the spec of ``name`` (benchmark, case)."""
    begin = time.perf_counter()
    trials = []
    for candidate in candidates:
        book = journal(*name, candidate.recipe, quick=options.quick)
        for settings in candidate.settings():
            tried = _tried(book, settings, slices, k)
            if tried is not None:
                score = f"ndcg@{k} {tried.validation:.5f}, {tried.seconds:.0f} s"
                print(f"{name[1]:10} {candidate.recipe:12} {score}", flush=True)
                trials.append(tried)
    best = [
        max((t for t in trials if t.settings["recipe"] == c.recipe), key=_quality, default=None) for c in candidates
    ]
    kept = sorted((tried for tried in best if tried is not None), key=_quality, reverse=True)
    budget = {
        "trials": len(trials),
        "seconds of all trials": round(sum(t.seconds for t in trials), 1),
        "seconds of this run": round(time.perf_counter() - begin, 1),
        "threads": THREADS,
    }
    table = {"metric": f"ndcg@{k} on validation", "budget": budget, "tried": [vars(tried) for tried in kept]}
    print(f"written: {specs.save(*name, table, options)}")


def chosen(bench: str, case: str, options: Options) -> tuple[Recipe, dict[str, Any]]:
    """The recipe with the best validation score, and what the spec says of all of them."""
    table = specs.load(bench, case, options)
    best = max(table["tried"], key=lambda tried: tried["validation"])
    told = {tried["settings"]["recipe"]: round(tried["validation"], 5) for tried in table["tried"]}
    details = {"recipe": best["settings"], "validation": told, "metric": table["metric"], "budget": table["budget"]}
    return parse(best["settings"], where=f"{bench}.toml, [{case}]"), details


def context(seed: int = 0, *, holdout: Holdout | None = None) -> FitContext:
    """Two threads, a seed, and a folder in which a long fit keeps what it has reached, under a name of its own."""
    return FitContext(seed=seed, threads=THREADS, holdout=holdout, checkpoint=VAR / "checkpoints")


def validation_ndcg(model: Model, holdout: Holdout, k: int) -> float:
    """Mean NDCG at ``k`` with every item allowed."""
    return holdout_ndcg(model, holdout, np.ones(len(holdout.seen_items), np.bool_), k)


def _quality(tried: Tried) -> float:
    return tried.validation


def _tried(book: Journal, settings: Mapping[str, Any], slices: Slices, k: int) -> Tried | None:
    try:
        return book.once(settings, lambda: _score(settings, slices, k))
    except RecsysError as error:  # a recipe that cannot fit this log takes no part
        print(f"left out: {error}")
        return None


def _score(settings: Mapping[str, Any], slices: Slices, k: int) -> tuple[dict[str, Any], float]:
    """What is open is chosen on the first slice and holds for the others."""
    recipe = parse(settings)
    values = []
    for seed, (train, holdout) in enumerate(slices):
        model = recipe.fit(train, context(seed, holdout=holdout if seed == 0 else None))
        recipe = model.recipe
        values.append(validation_ndcg(model, holdout, k))
    return recipe.params(), float(np.mean(values))
