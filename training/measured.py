"""A test evaluation kept with its run, and whether two of them answered the same queries."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import ConfigError, DataError
from recsys.evaluate import Evaluation, load_evaluation, save_evaluation
from training.source import Source
from training.spec import RunSpec

FORMAT = 1
FACTS = "measured.json"
PLACE = "evaluation"  # of the folder among a run's artifacts


@dataclass(frozen=True, eq=False)
class Measured:
    """What one section of a run made on its newest test slice, query by query, and which queries these are."""

    label: str  # for people: run/section
    evaluation: Evaluation
    asked: Mapping[str, Any]  # as ``asked`` gives it

    @property
    def metric(self) -> str:
        """What its spec chose by."""
        return str(self.asked["metric"])


def asked(source: Source, spec: RunSpec) -> dict[str, Any]:
    """Which queries the newest test slice asks, so that two runs can be told apart by what differs."""
    newest = source.windows[-1]
    return {
        "format": FORMAT,
        "spec": spec.name,
        "metric": spec.metric,
        "seed": spec.seed,
        "lake": source.lake,
        "lake_versions": dict(source.versions),
        "lake_ids": dict(source.ids),
        "prepare": spec.prepare.model_dump(mode="json"),
        "splitting": spec.split.model_dump(mode="json"),
        "split": newest.name,
        "queries": fingerprint(newest.test, source.data),
    }


def fingerprint(holdout: Holdout, data: Dataset) -> str:
    """A digest of who was asked when, and of what was to be found, in order; no id can be read from it."""
    owner = np.repeat(np.arange(len(holdout)), [len(truth) for truth in holdout.truth])
    truth = np.concatenate(holdout.truth) if len(holdout) else np.zeros(0, np.int32)
    digest = sha256("\0".join(data.users.external(holdout.users)).encode())
    digest.update(np.array([query.at for query in holdout.queries], "<f8").tobytes())
    digest.update(owner.astype("<i8").tobytes())
    digest.update("\0".join(data.catalogue.ids.external(truth)).encode())
    return digest.hexdigest()


def save(evaluation: Evaluation, facts: Mapping[str, Any], folder: Path) -> Path:
    """Write an evaluation and its ``asked`` into a new folder.

    Users are numbered: the fingerprint tells which queries these are, so not even a pseudonym has to be kept.
    """
    folder.mkdir()
    save_evaluation(replace(evaluation, users=evaluation.clusters.astype(np.uint64)), folder)
    (folder / FACTS).write_text(json.dumps(dict(facts), indent=2, ensure_ascii=False), encoding="utf-8")
    return folder


def load(folder: Path, label: str) -> Measured:
    """Read what ``save`` wrote; DataError where it is not whole or of another format."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"The evaluation of {label} cannot be read ({error}); train it again.") from None
    if facts.get("format") != FORMAT:
        raise DataError(
            f"The evaluation of {label} has format {facts.get('format')}, and {FORMAT} is read here; train it again."
        )
    try:
        return Measured(label, load_evaluation(folder), facts)
    except DataError:
        raise DataError(f"The evaluation of {label} is not of a form that is read here; train it again.") from None


def check_same(a: Measured, b: Measured) -> None:
    """ConfigError unless both answered the same queries; the sentence says what differs."""
    if a.asked["queries"] == b.asked["queries"]:
        return
    told = "; ".join(_differences(a.asked, b.asked)) or "who was asked or what was to be found"
    raise ConfigError(
        f"{a.label} and {b.label} were not measured on the same queries, so they cannot be paired. "
        f"What differs: {told}."
    )


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """Of the lake, of the split and of the preparation, in words."""
    if _other_lake(a, b):
        yield f"the lake ({a['lake']} and {b['lake']})"
    else:
        tables = sorted({*a["lake_versions"], *b["lake_versions"]})
        for table in tables:
            first, second = a["lake_versions"].get(table), b["lake_versions"].get(table)
            if first != second:
                yield f"the lake version of {table} ({_said(first)} and {_said(second)})"
    changed = sorted(
        key for key in {*a["splitting"], *b["splitting"]} if a["splitting"].get(key) != b["splitting"].get(key)
    )
    for key in changed:
        yield f"the split's {key} ({_said(a['splitting'].get(key))} and {_said(b['splitting'].get(key))})"
    if not changed and a["split"] != b["split"]:
        yield f"the split ({a['split']} and {b['split']})"
    for key in sorted({*a["prepare"], *b["prepare"]}):
        if a["prepare"].get(key) != b["prepare"].get(key):
            yield f"the preparation's {key}"


def _other_lake(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Tables are known by their ids, wherever they lie now."""
    both = a["lake_ids"].keys() & b["lake_ids"].keys()
    if "events" in both:
        return any(a["lake_ids"][table] != b["lake_ids"][table] for table in both)
    return bool(a["lake"] != b["lake"])


def _said(value: Any) -> str:
    return "none" if value is None else str(value)
