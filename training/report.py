"""The result of a comparison: a table for people and plain values for programs."""

import json
import math
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from recsys.errors import ConfigError
from recsys.evaluate import Evaluation
from recsys.metrics import Interval, bootstrap
from training.promotion import told
from training.selection import Contest, ratio
from training.spec import RunSpec

ACCURACY = ("recall", "mrr", "hit")
LISTS = ("coverage", "novelty", "diversity", "popularity_share")
GROUPS = ("warm", "new_users", "new_items")


def tables(contest: Contest, spec: RunSpec, *, title: str) -> Group:
    """Models by metrics on test, best first, in three tables that fit 80 columns.

    First the spec's metric with its interval and the paired ratios to the popular floor and to the model that
    validation chose; then accuracy in all and in groups of queries; then what the lists are like.
    """
    best, cutoff = contest.best, spec.metric.split("@")[1]
    rivals = [contest.floor] if best is contest.floor else [contest.floor, best]
    against = [f"÷ {rival.section}" for rival in rivals]
    main = _table(f"{spec.metric} [95 %]", *against, title=title)
    accuracy = _table("validation", *ACCURACY, *GROUPS, title=f"accuracy at {cutoff}; groups by {spec.metric}")
    lists = _table(*LISTS, "seconds", title=f"lists of {cutoff}")
    for trial in sorted(contest.trials, key=lambda one: -one.test.mean(spec.metric)):
        name, style = (f"{trial.section} *", "bold") if trial is best else (trial.section, None)
        ratios = ["" if trial is rival else told(ratio(trial.test, rival.test, spec)) for rival in rivals]
        main.add_row(name, _interval(trial.test, spec), *ratios, style=style)
        means = [trial.validation.mean(spec.metric), *(trial.test.mean(f"{metric}@{cutoff}") for metric in ACCURACY)]
        groups = [trial.test.mean(spec.metric, group) for group in GROUPS]
        accuracy.add_row(name, *map(_number, [*means, *groups]), style=style)
        looks = [trial.test.mean(f"{metric}@{cutoff}") for metric in LISTS]
        lists.add_row(name, *map(_number, looks), f"{trial.seconds:.1f}", style=style)
    return Group(main, accuracy, lists, f"* chosen on validation. Test: {_queries(best.test)}.")


def _table(*columns: str, title: str) -> Table:
    made = Table("model", title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in columns:
        made.add_column(name.replace("_", " "), justify="right")
    return made


def values(contest: Contest, spec: RunSpec) -> dict[str, Any]:
    """The same as plain values, each recipe with its validation and test summary and its paired ratios."""
    best, floor = contest.best, contest.floor
    return {
        "spec": spec.name,
        "metric": spec.metric,
        "seed": spec.seed,
        "winner": best.section,
        "models": {
            trial.section: {
                "recipe": trial.resolved.params(),
                "validation": trial.validation.summary(),
                "test": trial.test.summary(),
                "ratio_to_popular": plain(ratio(trial.test, floor.test, spec)),
                "ratio_to_winner": plain(ratio(trial.test, best.test, spec)),
                "seconds": round(trial.seconds, 3),
            }
            for trial in contest.trials
        },
    }


def conclusion(contest: Contest, spec: RunSpec) -> list[str]:
    """What the table says, in sentences: the winner against the floor and against the best of the others."""
    best = contest.best
    against = told(ratio(best.test, contest.floor.test, spec))
    lines = [f"{best.section} is best on validation"]
    if best is contest.floor:
        lines[0] += "; it is the popular floor itself."
    else:
        lines[0] += f"; on test it makes {against} of popular in {spec.metric}."
    others = [trial for trial in contest.trials if trial is not best]
    if others:
        second = max(others, key=lambda trial: trial.validation.mean(spec.metric))
        lines.append(f"Against {second.section}, second on validation: {told(ratio(best.test, second.test, spec))}.")
    return lines


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write plain values as a JSON file, whole or not at all; ConfigError where the place cannot be written."""
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}.") from None


def plain(interval: Interval) -> dict[str, float | None]:
    """An interval for JSON, which knows neither NaN nor infinity."""
    return {name: value if math.isfinite(value) else None for name, value in interval._asdict().items()}


def _interval(evaluation: Evaluation, spec: RunSpec) -> str:
    mean = bootstrap(evaluation.values(spec.metric), seed=spec.seed)
    return f"{mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]"


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "–"


def _queries(evaluation: Evaluation) -> str:
    sizes = (f"{int(evaluation.groups[group].sum())} {group.replace('_', ' ')}" for group in GROUPS)
    return f"{len(evaluation.users)} queries: {', '.join(sizes)}"
