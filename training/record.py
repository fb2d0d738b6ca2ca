"""What of a run goes into MLflow: one run per recipe under one parent, with epochs, metrics and pictures."""

import json
import math
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsys.content import ContentSpace
from recsys.errors import DataError, StoreError
from recsys.evaluate import SEGMENT, Evaluation
from recsys.rerank.tradeoff import tradeoff
from training import measured, plots, report
from training.promotion import Decision
from training.report import facts, lists
from training.report.page import page
from training.selection import Arena, Contest, Trial
from training.show import Show
from training.source import Source
from training.spec import RunSpec
from training.tracking import WINNER, Recorded, Run, Tracker, Version

REPORT = "report.json"
PAGE = "report.html"
LISTED = 10  # places of the lists that a report describes
RERANKED = 500  # queries at most over which it says what reranking costs


class Recorder:
    """Records the trials of one parent run. ``work`` is a folder for what is on its way."""

    def __init__(self, tracker: Tracker, parent: Run, show: Show, work: Path) -> None:
        self._tracker = tracker
        self._parent = parent
        self._show = show
        self._work = work
        self._curves: dict[str, plots.Curve] = {}
        self._asked: dict[str, Any] = {}
        self._compared: dict[str, Any] = {}

    def begin(self, source: Source, spec: RunSpec) -> None:
        """What the run is made from."""
        self._asked = measured.asked(source, spec)
        self._parent.params(
            {
                "spec": spec.model_dump(mode="json", exclude={"models"}),
                "lake": {"uri": source.lake, "versions": source.versions, "ids": source.ids},
                "events": source.data.n_events,
                "users": source.data.n_users,
                "items": source.data.n_items,
            }
        )
        revision = git_revision()
        if revision:
            self._parent.tags({"mlflow.source.git.commit": revision})

    def trial(self, arena: Arena, section: str) -> Trial:
        """Try one section's recipe as a run of its own."""
        curve: list[tuple[int, int, Mapping[str, float]]] = []
        self._show.doing(section)
        with self._tracker.run(section, parent=self._parent) as run:

            def watch(window: int, step: int, metrics: Mapping[str, float]) -> None:
                curve.append((window, step, dict(metrics)))
                self._show.step(section, window, step, metrics)
                newest = window == len(arena.windows) - 1
                run.metrics({name if newest else f"{name}.window{window + 1}": metrics[name] for name in metrics}, step)

            trial = arena.trial(section, arena.spec.models[section], watch)
            run.params(trial.resolved.params())
            run.metrics({**figures(trial), "seconds": trial.seconds})
            folder = self._folder(section)
            plots.learning_curve(curve, section, folder / "learning_curve.png")
            plots.by_popularity(
                {section: trial.pooled_test.by_popularity}, section, folder / "recall_by_popularity.png"
            )
            run.folder(folder, "plots")
            run.folder(measured.save(trial.test, self._asked, self._work / f"measured-{section}"), measured.PLACE)
        self._curves[section] = curve
        self._show.done(trial, arena.spec.metric)
        return trial

    def contest(self, contest: Contest, spec: RunSpec) -> None:
        """The comparison of all of them, on the parent."""
        folder = self._folder("comparison")
        recalls = {trial.section: trial.pooled_test.by_popularity for trial in contest.trials}
        plots.by_popularity(recalls, "recall@10 by popularity", folder / "recall_by_popularity.png")
        self._parent.folder(folder, "plots")
        self._parent.metrics(figures(contest.best))
        self._compared = report.values(contest, spec)
        self._parent.json(self._compared, "comparison.json")
        self._parent.tags({WINNER: contest.best.section})

    def describe(self, arena: Arena, contest: Contest, source: Source, content: ContentSpace | None) -> dict[str, Any]:
        """What the report and the model card say, but for the outcome; asks the winner for lists."""
        spec, newest = arena.spec, arena.windows[-1]
        found = facts.gather(source, contest, spec, self._compared, curves=self._curves, git=git_revision())
        model, test, data = arena.model(contest.best.resolved), newest.test, newest.train_validation
        shown = lists.observe(model, test, data, k=LISTED, seed=spec.seed)
        asked = test.drawn(RERANKED, np.random.default_rng(spec.seed))
        points = tradeoff(model, asked, data, content, rerank=spec.rerank, k=LISTED)
        more = {"lists": shown, "tradeoff": [point._asdict() for point in points]}
        return {**found, "run": self._parent.id, **facts.finite(more)}

    def conclude(self, found: Mapping[str, Any], decision: Decision, version: Version, gate: Mapping[str, Any]) -> None:
        """Log the report of the whole run, as data and as a page; ``gate`` is the gate's report as plain values."""
        outcome = {
            "promoted": decision.promoted,
            "reason": decision.reason,
            "version": version.number,
            "bundle": version.bundle,
            "gate": facts.finite(gate),
        }
        folder = self._folder("report")
        values = {**found, "outcome": outcome}
        report.write_json(values, folder / REPORT)
        report.write_text(page(values), folder / PAGE)
        self._parent.folder(folder)

    def _folder(self, name: str) -> Path:
        folder = self._work / f"plots-{name}"
        folder.mkdir()
        return folder


def rebuild(tracker: Tracker, run: Recorded) -> str:
    """The page of a training run's report, made anew from its data and logged again; StoreError where it has none."""
    with tempfile.TemporaryDirectory() as work:
        kept = tracker.artifact(run.id, REPORT, Path(work))
        if kept is None:
            raise StoreError(
                f"The run {run.name} ({run.id}) has no {REPORT}: "
                "it did not end, or was trained before reports were kept."
            )
        try:
            text = page(json.loads(kept.read_text(encoding="utf-8")))
        except ValueError as error:
            raise DataError(f"The {REPORT} of the run {run.name} ({run.id}) cannot be read: {error}.") from None
        report.write_text(text, Path(work) / PAGE)
        tracker.add(run.id, Path(work) / PAGE)
    return text


def figures(trial: Trial) -> dict[str, float]:
    """What a trial made on validation and on test (the newest window), and where there are more, on all pooled."""
    found = {**means("validation", trial.validation), **means("test", trial.test)}
    return found if trial.pooled_test is trial.test else found | means("pooled_test", trial.pooled_test)


def means(prefix: str, evaluation: Evaluation) -> dict[str, float]:
    """Means of every metric in every group that has queries, as ``test.ndcg@10`` and ``test.warm.ndcg@10``.

    Segments are left out: their names (``gender=F``) are no names of MLflow metrics, and there are many.
    """
    found = {f"{prefix}.{name}": value for name, value in evaluation.whole.items()}
    for group in (group for group in evaluation.groups if SEGMENT not in group):
        place = prefix if group == "all" else f"{prefix}.{group}"
        found |= {f"{place}.{name}": evaluation.mean(name, group) for name in evaluation.per_query}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def git_revision() -> str | None:
    """The commit of the checkout that this code runs from; None where it is installed, even inside another checkout."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    """What git says in the folder of this file, whatever repository the caller stands in."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10, env=plain)  # noqa: S603
    return done.stdout.strip()
