"""From a contest's winner to a bundle: fitted again on all events, with its fallback and its content space."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsys.bundle import MANIFEST, Facts, Manifest, read_manifest, write_bundle
from recsys.content import ContentSpace
from recsys.models.recipe import FitContext
from recsys.pipeline import Pipeline
from training.card import CARD
from training.news import with_session
from training.record import git_revision
from training.selection import Contest
from training.source import Source
from training.spec import RunSpec


def publish(
    folder: Path,
    source: Source,
    contest: Contest,
    spec: RunSpec,
    context: FitContext,
    *,
    content: ContentSpace | None,
    card: str,
) -> Manifest:
    """Refit exactly what validation chose on every event, and write the bundle; its metrics are the contest's.

    ``content`` is the content space of the catalogue, ``card`` the text of the model card.
    """
    best, floor = contest.best.resolved, contest.floor.resolved
    chosen = (best,) if best.name == floor.name else (best, floor)  # the floor is the fallback
    sources = with_session([context.fit(recipe, source.data) for recipe in chosen], source.data, spec.session, context)
    pipeline = Pipeline(source.data.catalogue, sources, content, spec.rerank)
    return write_bundle(folder, pipeline, _facts(source, contest, spec), texts={CARD: card})


def _facts(source: Source, contest: Contest, spec: RunSpec) -> Facts:
    best, newest = contest.best, source.data.at
    metrics = {"validation": best.validation.summary(), "test": best.test.summary()}
    if best.pooled_test is not best.test:
        metrics["pooled_test"] = best.pooled_test.summary()
    return Facts(
        lake=source.lake,
        lake_versions=dict(source.versions),
        lake_ids=dict(source.ids),
        spec=spec.name,
        recipe=best.resolved.params(),
        split=source.windows[-1].name,  # the one that ``test`` was measured on
        metrics=metrics,
        refit=True,
        rules=dict(source.rules),
        returns=source.data.returns,
        policy="strict" if source.has_labels else "open",
        at=float(newest) if np.isfinite(newest) else None,
        git=git_revision(),
    )


def attest(folder: Path, gate: Mapping[str, Any]) -> Manifest:
    """Write what the gate found into the manifest of a bundle that nobody has seen yet."""
    manifest = read_manifest(folder).model_copy(update={"gate": dict(gate)})
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest
