"""``report.json``: everything that the page and the model card of a run say, as plain values and without user ids."""

import math
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import tomli_w

from recsys.dataset.data import Dataset, Split
from recsys.evaluate import SEGMENT, Evaluation
from recsys.metrics import gap, paired_ratio_groups
from training.report.tables import conclusion, measured, mixes, plain
from training.report.words import FEW
from training.selection import Contest
from training.source import Source
from training.spec import RunSpec

FORMAT = 1
PACKAGES = ("recsys", "numpy", "scipy", "torch", "implicit", "rectools-lightfm", "lightgbm")
Curve = Sequence[tuple[int, int, Mapping[str, float]]]  # window, step, metrics


def gather(
    source: Source,
    contest: Contest,
    spec: RunSpec,
    compared: Mapping[str, Any],
    *,
    curves: Mapping[str, Curve],
    git: str | None,
) -> dict[str, Any]:
    """What is known once the contest is over, of which ``compared`` are the plain values (``report.values``).

    ``lists``, ``tradeoff``, ``run`` and ``outcome`` are added by whoever knows them.
    """
    best, floor = contest.best, contest.floor
    measured_in = dict(compared["models"])
    if floor not in contest.trials:  # it ran beside the spec
        measured_in[floor.section] = measured(floor, contest, spec)
    values = {
        "format": FORMAT,
        "name": spec.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "metric": spec.metric,
        "k": list(spec.k),
        "seed": spec.seed,
        "winner": best.section,
        "floor": floor.section,
        "competed": len(contest.trials),
        "conclusion": conclusion(contest, spec),
        "data": _data(source),
        "split": [_window(window) for window in source.windows],
        "sections": [
            {
                **measured_in[trial.section],
                "section": trial.section,
                "mixes": mixes(trial),
                "curve": [[window, step, dict(metrics)] for window, step, metrics in curves.get(trial.section, ())],
            }
            for trial in dict.fromkeys([*contest.trials, floor])
        ],
        "gaps": gaps(best.test, spec),
        "segments": segments(best.test, floor.test, spec, measured_in[best.section]["test"]["groups"]),
        "rerank": spec.rerank.model_dump(mode="json"),
        "toml": toml_of(spec),
        "git": git,
        "versions": _versions(),
    }
    made: dict[str, Any] = finite(values)
    return made


def toml_of(spec: RunSpec) -> str:
    """A spec as a file that ``recsys train --spec`` takes, with all its defaults; what is chosen is left out."""
    values = spec.model_dump(mode="json")
    return tomli_w.dumps(_told({**values, "models": {name: one.params() for name, one in spec.models.items()}}))


def _told(values: Any) -> Any:
    """Without None, which TOML does not know."""
    if isinstance(values, Mapping):
        return {name: _told(value) for name, value in values.items() if value is not None}
    return [_told(value) for value in values] if isinstance(values, list | tuple) else values


def finite(values: Any) -> Any:
    """The same plain values with None for what JSON does not know: NaN and infinity."""
    if isinstance(values, Mapping):
        return {str(key): finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    if isinstance(values, float | np.floating):
        return float(values) if math.isfinite(values) else None
    return int(values) if isinstance(values, np.integer) else values


def segments(best: Evaluation, floor: Evaluation, spec: RunSpec, groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The winner and the floor in every group of queries, with their paired ratio; ``groups`` is of the summary."""
    names = [group for group, members in best.groups.items() if members.any()]
    sides = [
        (best.groups[g], best.values(spec.metric, g)[:, None], floor.values(spec.metric, g)[:, None]) for g in names
    ]
    ratios = paired_ratio_groups(sides, seed=spec.seed, clusters=best.clusters)
    return [
        {
            "group": group,
            "n": groups[group]["n"],
            "winner": groups[group]["metrics"][spec.metric],
            "floor": floor.mean(spec.metric, group),
            "ratio": plain(found),
        }
        for group, (found,) in zip(names, ratios, strict=True)
    ]


def gaps(best: Evaluation, spec: RunSpec) -> list[dict[str, Any]]:
    """How far the winner's best and worst served group of users are apart, for each way to group them.

    Groups of fewer than FEW queries are left out: chance alone sets them apart.
    """
    kinds: dict[str, list[str]] = {}
    for group, members in best.groups.items():
        kind, segment, _ = group.partition(SEGMENT)
        if segment and group not in best.per_part and members.sum() >= FEW:
            kinds.setdefault(kind, []).append(group)
    return [_gap(best, kind, groups, spec) for kind, groups in kinds.items() if len(groups) > 1]


def _gap(best: Evaluation, kind: str, groups: Sequence[str], spec: RunSpec) -> dict[str, Any]:
    means = {group: best.mean(spec.metric, group) for group in groups}
    pairs = [(best.groups[group], best.values(spec.metric, group)) for group in groups]
    found = gap(pairs, seed=spec.seed, clusters=best.clusters)
    return {
        "kind": kind,
        "best": max(groups, key=means.__getitem__),
        "worst": min(groups, key=means.__getitem__),
        "difference": found.difference._asdict(),
        "ratio": found.ratio._asdict(),
    }


def _window(window: Split) -> dict[str, Any]:
    return {
        "name": window.name,
        "train_events": window.train.n_events,
        "validation_queries": len(window.validation),
        "test_queries": len(window.test),
    }


def _data(source: Source) -> dict[str, Any]:
    data = source.data
    counts = np.bincount(data.user, minlength=data.n_users)
    return {
        "lake": source.lake,
        "lake_versions": dict(source.versions),
        "lake_ids": dict(source.ids),
        "events": data.n_events,
        "positives": int(np.asarray(data.positive).sum()),
        "users": data.n_users,
        "items": data.n_items,
        "items_without_events": int((np.bincount(data.item, minlength=data.n_items) == 0).sum()),
        "median_events_per_user": float(np.median(counts)) if len(counts) else None,
        "first_event": _moment(data, np.min),
        "last_event": _moment(data, np.max),
        "returns": data.returns,
        "has_labels": source.has_labels,
        "rules": {kind: rule.model_dump(mode="json") for kind, rule in source.rules.items()},
        "fields": _fields(data),
    }


def _fields(data: Dataset) -> dict[str, float]:
    """The share of works that have each field of the catalogue; fields that none has are left out."""
    table = data.catalogue.table
    shares = {name: 1 - table[name].null_count / max(len(table), 1) for name in table.column_names if name != "item_id"}
    return {name: share for name, share in shares.items() if share > 0}


def _moment(data: Dataset, pick: Any) -> str | None:
    known = np.asarray(data.time)[np.isfinite(data.time)]
    return datetime.fromtimestamp(float(pick(known)), UTC).isoformat(timespec="seconds") if len(known) else None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
