"""The result of a comparison: a table for people and plain values for programs."""

import math
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from recsys.evaluate import Evaluation
from recsys.metrics import Interval
from training.promotion import told
from training.selection import Contest, Trial, ratio
from training.spec import RunSpec

ACCURACY = ("recall", "mrr", "hit")
LISTS = ("coverage", "novelty", "diversity", "popularity_share")
GROUPS = ("warm", "new_users", "new_items")
IN_SAMPLE = "†"
POOLED = (
    "Windows are pooled, and a window's test slice is validation in the next one, so choices have seen the older "
    "slices: the champion rule, the floor and the manifest's test metrics use the newest slice alone."
)
WEIGHTS = f"{IN_SAMPLE} its weights were chosen on these very queries, so this figure flatters it; test does not."


def tables(contest: Contest, spec: RunSpec, *, title: str) -> Group:
    """Models by metrics on test, best first, in three tables that fit 80 columns.

    First the spec's metric with its interval and the paired ratios to the popular floor and to the model that
    validation chose; then accuracy in all and in groups of queries; then what the lists are like. Windows are pooled.
    """
    best, cutoff = contest.best, spec.metric.split("@")[1]
    rivals = [contest.floor] if best is contest.floor else [contest.floor, best]
    against = [f"÷ {rival.section}" for rival in rivals]
    main = blank("model", f"{spec.metric} [95 %]", *against, title=title)
    accuracy = blank("model", "validation", *ACCURACY, *GROUPS, title=f"accuracy at {cutoff}; groups by {spec.metric}")
    lists = blank("model", *LISTS, "seconds", title=f"lists of {cutoff}")
    for trial in sorted(contest.trials, key=lambda one: -one.pooled_test.mean(spec.metric)):
        test, validation = trial.pooled_test, _number(trial.validation.mean(spec.metric))
        name, style = (f"{trial.section} *", "bold") if trial is best else (trial.section, None)
        ratios = ["" if trial is rival else told(ratio(test, rival.pooled_test, spec)) for rival in rivals]
        main.add_row(name, _interval(test, spec), *ratios, style=style)
        means = [test.mean(f"{metric}@{cutoff}") for metric in ACCURACY]
        means += [test.mean(spec.metric, group) for group in GROUPS]
        accuracy.add_row(name, validation + IN_SAMPLE * mixes(trial), *map(_number, means), style=style)
        looks = [test.mean(f"{metric}@{cutoff}") for metric in LISTS]
        lists.add_row(name, *map(_number, looks), f"{trial.seconds:.1f}", style=style)
    return Group(main, accuracy, lists, *notes(contest))


def notes(contest: Contest) -> list[str]:
    """What stands under the tables."""
    lines = [f"* chosen on validation. Test: {_queries(contest.best.pooled_test)}."]
    if any(map(mixes, contest.trials)):
        lines.append(WEIGHTS)
    if contest.best.pooled_test is not contest.best.test:
        lines.append(POOLED)
    return lines


def mixes(trial: Trial) -> bool:
    """Whether validation chose what the parts of a recipe weigh."""
    fields = type(trial.recipe).model_fields
    return {"parts", "weights"} <= fields.keys() and getattr(trial.recipe, "weights", None) is None


def blank(first: str, *columns: str, title: str) -> Table:
    """A table without rows: a column of words and columns of numbers."""
    made = Table(first, title=Text(title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in columns:
        made.add_column(name.replace("_", " "), justify="right")
    return made


def values(contest: Contest, spec: RunSpec) -> dict[str, Any]:
    """The same as plain values, each recipe with its validation and test summary and its paired ratios.

    ``test`` and the ratios are of the newest window, as in a manifest; those of all windows are ``pooled_…``.
    """
    return {
        "spec": spec.name,
        "metric": spec.metric,
        "seed": spec.seed,
        "winner": contest.best.section,
        "models": {trial.section: measured(trial, contest, spec) for trial in contest.trials},
    }


def measured(trial: Trial, contest: Contest, spec: RunSpec) -> dict[str, Any]:
    """What one recipe made, as plain values."""
    best, floor = contest.best, contest.floor
    found = {
        "recipe": trial.resolved.params(),
        "validation": trial.validation.summary(),
        "test": trial.test.summary(),
        "ratio_to_popular": plain(ratio(trial.test, floor.test, spec)),
        "ratio_to_winner": plain(ratio(trial.test, best.test, spec)),
        "seconds": round(trial.seconds, 3),
    }
    if trial.pooled_test is not trial.test:
        found |= {
            "pooled_test": trial.pooled_test.summary(),
            "pooled_ratio_to_popular": plain(ratio(trial.pooled_test, floor.pooled_test, spec)),
            "pooled_ratio_to_winner": plain(ratio(trial.pooled_test, best.pooled_test, spec)),
        }
    return found


def conclusion(contest: Contest, spec: RunSpec) -> list[str]:
    """What decides, in sentences: on the newest test slice, the winner against the floor and the best of the others."""
    best = contest.best
    against = told(ratio(best.test, contest.floor.test, spec))
    where = "test" if best.pooled_test is best.test else "the newest test slice"
    lines = [f"{best.section} is best on validation"]
    if best is contest.floor:
        lines[0] += "; it is the popular floor itself."
    else:
        lines[0] += f"; on {where} it makes {against} of {contest.floor.section} in {spec.metric}."
    others = [trial for trial in contest.trials if trial is not best]
    second = max(others, key=lambda trial: trial.validation.mean(spec.metric), default=contest.floor)
    if second is not contest.floor:
        lines.append(f"Against {second.section}, second on validation: {told(ratio(best.test, second.test, spec))}.")
    return lines


def plain(interval: Interval) -> dict[str, float | None]:
    """An interval for JSON, which knows neither NaN nor infinity."""
    return {name: value if math.isfinite(value) else None for name, value in interval._asdict().items()}


def _interval(evaluation: Evaluation, spec: RunSpec) -> str:
    mean = evaluation.interval(spec.metric)
    return f"{mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]"


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "–"


def _queries(evaluation: Evaluation) -> str:
    sizes = (f"{int(evaluation.groups[group].sum())} {group.replace('_', ' ')}" for group in GROUPS)
    return f"{len(evaluation.users)} queries: {', '.join(sizes)}"
