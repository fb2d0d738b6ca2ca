"""``recsys compare``: recorded runs against the first of them, query by query and in pairs."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError
from recsys.evaluate import Evaluation
from recsys.metrics import Interval, paired_ratio_groups
from recsys.types import BoolArray
from training.measured import Measured, check_same
from training.report.facts import finite
from training.report.files import write_json, write_text
from training.report.tables import plain
from training.runs import Archive, Found
from training.tracking import Tracker

PLACE = "comparisons"  # among the artifacts of a training run
LONGEST_NAME = 120  # of a file


def compare_runs(tracker: Tracker, names: Sequence[str], *, metric: str | None = None, seed: int = 0) -> dict[str, Any]:
    """``compare`` for runs as a person names them; StoreError where the registry does not know one."""
    archive = Archive(tracker)
    found = [archive.find(name) for name in names]
    measured = []
    with tempfile.TemporaryDirectory() as work:
        for place, one in enumerate(found):
            folder = Path(work) / str(place)
            folder.mkdir()
            measured.append(archive.measured(one, folder))
    return compare(found, measured, metric=metric, seed=seed)


def keep(tracker: Tracker, values: Mapping[str, Any], page: str) -> None:
    """Add a comparison, as data and as a page, to the artifacts of every training run that is in it."""
    name = _file_name([one["label"] for one in values["runs"]])
    with tempfile.TemporaryDirectory() as work:
        write_json(values, Path(work) / f"{name}.json")
        write_text(page, Path(work) / f"{name}.html")
        for run in dict.fromkeys(one["run"] for one in values["runs"]):
            for path in sorted(Path(work).iterdir()):
                tracker.add(run, path, PLACE)


def compare(
    found: Sequence[Found], measured: Sequence[Measured], *, metric: str | None, seed: int = 0
) -> dict[str, Any]:
    """Plain values: every run after the first ÷ the first, for each shared metric, in all and in each shared group.

    ``metric`` is the one that segments are shown by; without one it is the first run's. Raises ConfigError where two
    runs were not measured on the same queries, saying what differs, or do not share the metric.
    """
    if len(measured) < 2:
        raise ConfigError("A comparison needs two runs at least; name another one.")
    base, *others = measured
    for other in others:
        check_same(base, other)
    evaluations = [one.evaluation for one in measured]
    shared = [name for name in base.evaluation.per_query if all(name in one.per_query for one in evaluations)]
    chosen = metric or base.metric
    if chosen not in shared:
        raise ConfigError(f"The runs do not share the metric {chosen!r}; they share: {', '.join(shared) or 'none'}.")
    values = {
        "metric": chosen,
        "seed": seed,
        "queries": len(base.evaluation),
        "users": len(np.unique(base.evaluation.users)),
        "split": base.asked["split"],
        "runs": [_run(one, place) for one, place in zip(measured, found, strict=True)],
        "notes": _notes(base, others),
        "pairs": [_pair(base, other, shared, seed) for other in others],
        "lists": _lists(evaluations),
        "recall@10_by_popularity": [one.by_popularity.tolist() for one in evaluations],
    }
    made: dict[str, Any] = finite(values)
    return made


def _run(one: Measured, found: Found) -> dict[str, Any]:
    return {
        "label": one.label,
        "run": found.training.id,
        "name": found.training.name,
        "section": found.section.name if found.section is not None else None,
        "lake": one.asked["lake"],
        "lake_versions": one.asked["lake_versions"],
    }


def _notes(base: Measured, others: Sequence[Measured]) -> list[str]:
    """What differs although the queries are the same."""
    return [
        f"{base.label} and {other.label} learned from different versions of the lake, but answered the same queries."
        for other in others
        if base.asked["lake_versions"] != other.asked["lake_versions"]
        or base.asked["lake_ids"] != other.asked["lake_ids"]
    ]


def _pair(base: Measured, other: Measured, metrics: Sequence[str], seed: int) -> dict[str, Any]:
    """All metrics of all shared groups, from one set of resamples."""
    a, b = base.evaluation, other.evaluation
    groups = [group for group, members in a.groups.items() if members.any() and _same(members, b.groups.get(group))]
    sides = [tuple(_columns(one, group, metrics) for one in (a, b)) for group in groups]
    ratios = paired_ratio_groups(
        [(a.groups[group], theirs, ours) for group, (ours, theirs) in zip(groups, sides, strict=True)],
        seed=seed,
        clusters=a.clusters,
    )
    return {
        "base": base.label,
        "run": other.label,
        "groups": [
            {"group": group, "n": len(ours), "metrics": _figures(metrics, ours, theirs, found)}
            for group, (ours, theirs), found in zip(groups, sides, ratios, strict=True)
        ],
    }


def _same(members: BoolArray, others: BoolArray | None) -> bool:
    return others is not None and bool(np.array_equal(members, others))


def _columns(one: Evaluation, group: str, metrics: Sequence[str]) -> NDArray[Any]:
    """(queries of the group, metrics)."""
    return np.stack([one.values(name, group) for name in metrics], axis=1)


def _figures(
    metrics: Sequence[str], base: NDArray[Any], other: NDArray[Any], ratios: Sequence[Interval]
) -> dict[str, Any]:
    means = (side.mean(axis=0, dtype=np.float64).tolist() for side in (base, other))
    return {
        name: {"base": one, "mean": another, "ratio": plain(found)}
        for name, one, another, found in zip(metrics, *means, ratios, strict=True)
    }


def _lists(evaluations: Sequence[Evaluation]) -> dict[str, list[float]]:
    """Metrics of the lists as a whole, a value a run; they have no interval."""
    shared = [name for name in evaluations[0].whole if all(name in one.whole for one in evaluations)]
    return {name: [one.whole[name] for one in evaluations] for name in shared}


def _file_name(labels: Sequence[str]) -> str:
    """A name that every file system takes; labels that do not fit into it are told apart by a digest."""
    whole = " vs ".join(label.replace("/", "-") for label in labels)
    plain = re.sub(r"[^\w. -]+", "-", whole, flags=re.ASCII)[:LONGEST_NAME]
    return plain if plain == whole else f"{plain} {sha256(whole.encode()).hexdigest()[:8]}"
