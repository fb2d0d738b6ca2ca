"""Tracking and registry behind one door."""

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from recsys.bundle import MANIFEST, Manifest, sha256_of
from recsys.errors import StoreError
from training.champion import alive
from training.state import State
from training.tracking.errors import place_of, told
from training.tracking.kept import PARENT, Recorded, Version, recorded, version_of
from training.tracking.run import Run

URI = "MLFLOW_TRACKING_URI"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
OUTER_RUN = "MLFLOW_RUN_ID"  # set by `mlflow run`
MODEL = "recsys"
BUNDLE = "bundle"
CHAMPION, CHALLENGER = "champion", "challenger"
HOST, PID = "recsys.host", "recsys.pid"


class Tracker:
    """Tracking and registry, at the URI that ``uri`` or MLFLOW_TRACKING_URI names, else in SQLite under ``var``."""

    def __init__(self, state: State, uri: str | None = None) -> None:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        given = uri or os.environ.get(URI)
        self.uri = given or f"sqlite:///{state.tracking}"
        self.embedded = not given
        self._artifacts = None if given else state.artifacts.as_uri()
        with told(self.uri):
            if not given and not state.tracking.exists():
                _create(state.tracking)
            self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @property
    def place(self) -> str:
        """The URI without a password, for messages."""
        return place_of(self.uri)

    @contextmanager
    def run(self, name: str, *, parent: Run | None = None, again: str | None = None) -> Iterator[Run]:
        """A run around a block: FINISHED at its end, FAILED where it raises, KILLED at Ctrl-C.

        ``again`` is the id of an earlier run to go on with, where there is one of that id still.
        """
        with told(self.uri):
            run = self._reopened(again) or self._start(name, parent)
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with told(self.uri):
                self._client.set_terminated(run.id, status)

    def close_killed(self) -> int:
        """Mark runs KILLED that processes of this machine left running when they died; gives their number."""
        with told(self.uri):
            experiment = self._experiment()
            running = self._client.search_runs(
                [experiment], f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{socket.gethostname()}'"
            )
            dead = [run for run in running if not alive(int(run.data.tags.get(PID, os.getpid())))]
            for run in dead:
                self._client.set_terminated(run.info.run_id, "KILLED")
        return len(dead)

    def register(self, run: Run, bundle: Path, manifest: Manifest, tags: Mapping[str, str]) -> Version:
        """Upload a bundle as an artifact of ``run`` and make it a version of the registered model."""
        run.folder(bundle, BUNDLE)
        facts = {
            "bundle": manifest.version,
            "manifest_sha256": sha256_of(bundle / MANIFEST),
            "recipe": json.dumps(manifest.recipe, sort_keys=True),
            "lake": manifest.lake,
            "lake_versions": json.dumps(manifest.lake_versions, sort_keys=True),
            "lake_ids": json.dumps(manifest.lake_ids, sort_keys=True),
            **tags,
        }
        with told(self.uri):
            self._ensure_model()
            source = f"{self._client.get_run(run.id).info.artifact_uri}/{BUNDLE}"
            made = self._client.create_model_version(MODEL, source, run.id, tags=facts)
        return version_of(made, ())

    def versions(self) -> list[Version]:
        """Every version of the registered model, newest first."""
        with told(self.uri):
            if not self._has_model():
                return []
            model = self._client.get_registered_model(MODEL)
            found = self._client.search_model_versions(f"name = '{MODEL}'")
        known = [v for v in found if "bundle" in v.tags]
        aliases = {v.version: tuple(a for a, number in model.aliases.items() if number == v.version) for v in known}
        return sorted((version_of(v, aliases[v.version]) for v in known), key=lambda v: -int(v.number))

    def aliased(self, alias: str) -> Version | None:
        """The version that bears an alias, None where none does."""
        return next((version for version in self.versions() if alias in version.aliases), None)

    def version(self, wanted: str) -> Version:
        """A version by its number in the registry or by its bundle's version; StoreError where there is none."""
        for version in self.versions():
            if wanted in (version.number, version.bundle):
                return version
        raise StoreError(f"{self.uri} has no version {wanted!r} of {MODEL!r}; `recsys models` lists what it has.")

    def set_alias(self, alias: str, version: Version, tags: Mapping[str, str] | None = None) -> None:
        """Move an alias to a version, and tag that version."""
        with told(self.uri):
            for key, value in (tags or {}).items():
                self._client.set_model_version_tag(MODEL, version.number, key, value)
            self._client.set_registered_model_alias(MODEL, alias, version.number)

    def tag_version(self, version: Version, tags: Mapping[str, str]) -> None:
        """Tag a version."""
        with told(self.uri):
            for key, value in tags.items():
                self._client.set_model_version_tag(MODEL, version.number, key, value)

    def tag_model(self, key: str, value: str) -> None:
        """Tag the registered model itself."""
        with told(self.uri):
            self._client.set_registered_model_tag(MODEL, key, value)

    def model_tags(self) -> dict[str, str]:
        """The tags of the registered model; none where there is no model yet."""
        with told(self.uri):
            return dict(self._client.get_registered_model(MODEL).tags) if self._has_model() else {}

    def discard(self, version: Version) -> None:
        """Delete a version's uploaded bundle; its run, its tags and its place in the record stay."""
        if not version.source.rstrip("/").endswith(f"/{BUNDLE}"):  # nothing that this class did not upload
            return
        with told(self.uri):
            get_artifact_repository(version.source, tracking_uri=self.uri).delete_artifacts()

    def drop_alias(self, alias: str) -> None:
        """Take an alias away from whichever version bears it."""
        with told(self.uri):
            self._client.delete_registered_model_alias(MODEL, alias)

    def fetch(self, version: Version, folder: Path) -> Path:
        """Download a version's bundle into an existing ``folder``; gives the bundle's own folder in it."""
        with told(self.uri):
            return Path(download_artifacts(version.source, dst_path=str(folder), tracking_uri=self.uri))

    def runs(self) -> list[Recorded]:
        """Every run that is not deleted, newest first."""
        with told(self.uri):
            places = [one.experiment_id for one in self._client.search_experiments()]
            page = self._client.search_runs(places, max_results=1000)
            found = list(page)
            while page.token:
                page = self._client.search_runs(places, max_results=1000, page_token=page.token)
                found += page
        return [recorded(run) for run in found]

    def artifact(self, run: str, path: str, folder: Path) -> Path | None:
        """Download an artifact of a run into an existing ``folder``; None where the run has none of this name."""
        with told(self.uri):
            if path not in {one.path for one in self._client.list_artifacts(run)}:
                return None
            return Path(self._client.download_artifacts(run, path, str(folder)))

    def add(self, run: str, path: Path, place: str | None = None) -> None:
        """Add a file to the artifacts of a run that has ended, in the folder ``place`` of them."""
        with told(self.uri):
            self._client.log_artifact(run, str(path), place)

    def _start(self, name: str, parent: Run | None) -> Run:
        outer = os.environ.get(OUTER_RUN)
        if parent is None and outer:
            return Run(self._client, outer, self.uri)
        tags = {HOST: socket.gethostname(), PID: str(os.getpid())}
        experiment = self._experiment()
        if parent is not None:
            tags[PARENT] = parent.id
            experiment = self._client.get_run(parent.id).info.experiment_id
        made = self._client.create_run(experiment, tags=tags, run_name=name)
        return Run(self._client, made.info.run_id, self.uri)

    def _reopened(self, run_id: str | None) -> Run | None:
        if run_id is None or os.environ.get(OUTER_RUN):
            return None
        try:
            self._client.update_run(run_id, status="RUNNING")
        except MlflowException:  # deleted, or of another tracking server
            return None
        self._client.set_tag(run_id, HOST, socket.gethostname())
        self._client.set_tag(run_id, PID, str(os.getpid()))
        return Run(self._client, run_id, self.uri)

    def _experiment(self) -> str:
        name = os.environ.get(EXPERIMENT) or MODEL
        if found := self._client.get_experiment_by_name(name):
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(name, self._artifacts))
        except MlflowException:  # another worker was faster
            found = self._client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)

    def _has_model(self) -> bool:
        return any(True for _ in self._client.search_registered_models(f"name = '{MODEL}'"))

    def _ensure_model(self) -> None:
        if not self._has_model():
            self._client.create_registered_model(MODEL, description="Bundles of the recommendation engine.")


def _create(path: Path) -> None:
    """Make the database beside its place and move it there: a job killed half way leaves no half-made schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    MlflowClient(tracking_uri=f"sqlite:///{draft}", registry_uri=f"sqlite:///{draft}").search_experiments()
    draft.replace(path)
