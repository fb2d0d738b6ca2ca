"""What training and serving agree on: a folder of arrays, id maps and a manifest with a sha256 of every file.

    manifest.json            versions, recipe, metrics, files
    items.arrow              the catalogue in index order (the id map)
    models/0-blend/ …        the sources, in the order they are tried
    content/                 the content space, where the catalogue has content
    MODEL_CARD.md            for people: what was measured, on what, and its limits

No pickle, and no user's data: no histories, no seen lists, no user factors.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.durable import flush
from recsys.errors import BundleError
from recsys.models.recipe import load_model, sharing
from recsys.pipeline import Pipeline
from recsys.prepare.spec import EventRule
from recsys.rerank import Rerank

FORMAT = 1
MANIFEST = "manifest.json"
ITEMS = "items.arrow"


class Facts(BaseModel):
    """What training knows of a bundle beyond its arrays."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    lake: str  # URI
    lake_versions: dict[str, int]  # by table
    lake_ids: dict[str, str] = Field(default_factory=dict)  # by table: a table that is made anew has another one
    spec: str
    recipe: dict[str, Any]  # of the first source, as Recipe.params() gives it
    split: str  # the slice the metrics were measured on
    metrics: dict[str, Any]  # the selection's metrics, never measured on events the bundle has seen
    refit: bool = True  # fitted again on all events after selection
    rules: dict[str, EventRule] = Field(default_factory=dict)  # what each event kind counts
    returns: bool = False  # whether works may be recommended again once consumed
    policy: Literal["open", "strict"] = "open"  # strict where the lake has a label column
    at: float | None = None  # s UTC, the lake version's newest event
    git: str | None = None


class FileFact(BaseModel):
    """One file as it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sha256: str
    size: int


class Manifest(Facts):
    """The facts, and what makes them checkable."""

    format: int
    version: str
    created_at: datetime
    n_items: int
    sources: tuple[str, ...]
    rerank: Rerank = Field(default_factory=Rerank)
    files: dict[str, FileFact]
    gate: dict[str, Any] | None = None  # what a release gate found once the bundle was written


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle whose every file has been verified."""

    path: Path
    manifest: Manifest
    pipeline: Pipeline

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def catalogue(self) -> Catalogue:
        return self.pipeline.catalogue


def write_bundle(
    folder: Path, pipeline: Pipeline, facts: Facts, *, texts: Mapping[str, str] = MappingProxyType({})
) -> Manifest:
    """Write a bundle into ``folder``, which must not exist; it appears whole or not at all.

    ``texts`` are files for people, by name.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already; a bundle is never written over, choose another --out.")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    draft.mkdir(parents=True)
    pipeline.catalogue.save(draft / ITEMS)
    for place, model in enumerate(pipeline.sources):
        home = draft / "models" / f"{place}-{model.recipe.name}"
        home.mkdir(parents=True)
        model.save(home)
    if pipeline.content is not None:
        (draft / "content").mkdir()
        pipeline.content.save(draft / "content")
    for name, text in texts.items():
        (draft / name).write_text(text, encoding="utf-8")
    manifest = _manifest(draft, pipeline, facts)
    (draft / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    for path in draft.rglob("*"):
        flush(path)
    draft.rename(folder)
    flush(folder.parent)
    return manifest


def load_bundle(folder: Path) -> Bundle:
    """Verify every file and map the models; raises BundleError at load, so that no request ever meets a bad bundle."""
    manifest = read_manifest(folder)
    _verify(folder, manifest)
    catalogue = Catalogue.load(folder / ITEMS)
    if len(catalogue) != manifest.n_items:
        raise BundleError(f"{folder} holds {len(catalogue)} items and its manifest says {manifest.n_items}.")
    with sharing(lambda home: _contents(manifest, home.relative_to(folder).as_posix())):
        sources = tuple(load_model(folder / "models" / name) for name in manifest.sources)
    content = ContentSpace.load(folder / "content") if (folder / "content").is_dir() else None
    return Bundle(folder, manifest, Pipeline(catalogue, sources, content, manifest.rerank))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle, checked for format only."""
    try:
        values = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder} is not a bundle: its {MANIFEST} cannot be read ({error}).") from None
    found = values.get("format") if isinstance(values, Mapping) else None
    if found != FORMAT:
        raise BundleError(f"{folder} has bundle format {found}; this version reads format {FORMAT}. Train it again.")
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{folder / MANIFEST}: {key}: {first['msg']}.") from None


def _contents(manifest: Manifest, home: str) -> tuple[tuple[str, str], ...]:
    """The files of a folder of the bundle, by name and hash: equal for equal models."""
    inside = (name for name in manifest.files if name.startswith(f"{home}/"))
    return tuple(sorted((name[len(home) :], manifest.files[name].sha256) for name in inside))


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(draft: Path, pipeline: Pipeline, facts: Facts) -> Manifest:
    files = {
        path.relative_to(draft).as_posix(): FileFact(sha256=sha256_of(path), size=path.stat().st_size)
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }
    created = datetime.now(UTC)
    # the moment is in it to the microsecond: two trainings with one outcome in one second are two versions
    marks = (created.isoformat(), *(fact.sha256 for fact in files.values()))
    digest = hashlib.sha256("".join(marks).encode()).hexdigest()
    return Manifest(
        **facts.model_dump(),
        format=FORMAT,
        version=f"{created:%Y%m%dT%H%M%SZ}-{digest[:8]}",
        created_at=created,
        n_items=len(pipeline.catalogue),
        sources=tuple(f"{place}-{model.recipe.name}" for place, model in enumerate(pipeline.sources)),
        rerank=pipeline.rerank,
        files=files,
    )


def _verify(folder: Path, manifest: Manifest) -> None:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    unknown = sorted(found - set(manifest.files) - {MANIFEST})
    if unknown:
        raise BundleError(f"{folder} holds {unknown[0]}, which its manifest does not name. Train or fetch it again.")
    for name, fact in manifest.files.items():
        path = folder / name
        if name not in found or path.is_symlink():
            raise BundleError(f"{folder} lacks {name}. Train or fetch it again.")
        if path.stat().st_size != fact.size or sha256_of(path) != fact.sha256:
            raise BundleError(f"{path} is not the file that was published (sha256 differs). Train or fetch it again.")
    if not manifest.sources or any("/" in name or not (folder / "models" / name).is_dir() for name in manifest.sources):
        raise BundleError(f"{folder} names a source that it does not hold.")
