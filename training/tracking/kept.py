"""What the tracking server keeps: runs that were written, and versions of the registered model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.promotion import Candidate

PARENT = "mlflow.parentRunId"
WINNER = "recsys.winner"  # of a training run: the section that won


@dataclass(frozen=True)
class Recorded:
    """One run that was written."""

    id: str
    name: str
    parent: str | None  # id of the training run that this is a section of
    winner: str | None  # of a training run: the section that won


@dataclass(frozen=True)
class Version:
    """One version of the registered model: a bundle, and what the champion rule needs to know of it."""

    number: str
    bundle: str  # the version its manifest gives
    manifest_sha256: str
    source: str  # URI of the bundle's folder
    created_at: float  # s UTC
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run: str = ""  # id of the training run that made it

    @property
    def candidate(self) -> Candidate:
        """Its recipe and its data."""
        tags = self.tags
        ids = json.loads(tags.get("lake_ids", "{}"))
        return Candidate(json.loads(tags["recipe"]), tags["lake"], json.loads(tags["lake_versions"]), ids)

    @property
    def score(self) -> str:
        """What it made on test in the metric it was chosen by, in words; empty where that is not known."""
        metric = self.tags.get("metric", "ndcg@10")
        mean = json.loads(self.tags.get("test", "{}")).get(metric, {}).get("mean")
        return "" if mean is None else f"{metric} {mean:.4f}"


def recorded(found: Any) -> Recorded:
    """A run as MLflow's client gives it."""
    tags = found.data.tags
    return Recorded(found.info.run_id, str(found.info.run_name or ""), tags.get(PARENT), tags.get(WINNER))


def version_of(found: Any, aliases: tuple[str, ...]) -> Version:
    """A model version as MLflow's client gives it; the aliases it bears come from the model."""
    tags = dict(found.tags)
    return Version(
        number=str(found.version),
        bundle=tags["bundle"],
        manifest_sha256=tags["manifest_sha256"],
        source=str(found.source),
        created_at=found.creation_timestamp / 1000,
        aliases=aliases,
        tags=tags,
        run=str(found.run_id or ""),
    )
