"""``recsys train``: prepare, compare recipes, refit the best on everything, publish it, and maybe promote it."""

import json
from dataclasses import dataclass
from pathlib import Path

from recsys.bundle import Manifest
from recsys.errors import BundleError, FitError
from recsys.metrics import Interval
from recsys.models.recipe import Recipe, parse
from training import release
from training.champion import copy_bundle, sweep, workplace
from training.promotion import Candidate, Decision, decide
from training.publish import publish
from training.record import Recorder
from training.selection import Arena, Contest, hold, ratio
from training.show import Show
from training.source import Source, open_source
from training.spec import RunSpec
from training.state import State
from training.tracking import CHALLENGER, Run, Tracker, Version


@dataclass(frozen=True)
class Job:
    """What ``recsys train`` was asked for."""

    lake: str
    spec: RunSpec
    state: State
    out: Path | None = None
    force: bool = False  # write over ``out``
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of it."""

    contest: Contest
    manifest: Manifest
    version: Version
    decision: Decision


def train(job: Job, show: Show) -> Outcome:
    """Run the whole job; whatever kills it, nothing half made is left where anyone looks for it."""
    if job.out is not None and job.out.exists() and not job.force:
        raise BundleError(f"{job.out} exists already; choose another --out, or write over it with --force.")
    tracker = Tracker(job.state)
    tracker.close_killed()
    release.heal(job.state, tracker)
    champion = release.current(job.state, tracker)
    rival = None if champion is None else parse(champion.recipe, where="The champion")
    show.doing("preparing the data")
    source = open_source(job.lake, job.spec, job.state)
    arena = Arena(source.windows, job.spec, device=job.device)
    with tracker.run(job.spec.name) as parent, workplace(job.state) as work:
        recorder = Recorder(tracker, parent, show, work)
        recorder.begin(source, job.spec)
        contest = hold(arena, lambda section: recorder.trial(arena, section))
        recorder.contest(contest, job.spec)
        show.doing("comparing with the champion")
        decision = _judge(arena, contest, source, champion, _against(arena, contest, rival, show))
        show.doing(f"refitting {contest.best.section} on all events")
        manifest = publish(work / "bundle", source, contest, job.spec, device=job.device)
        show.doing("publishing")
        version = _register(tracker, parent, work / "bundle", manifest, decision)
        _hand_over(job, tracker, version, work / "bundle", decision)
    return Outcome(contest, manifest, version, decision)


def _against(arena: Arena, contest: Contest, rival: Recipe | None, show: Show) -> Interval | None:
    """The winner ÷ the champion's recipe, both fitted on train + validation; None where there is nothing to compare."""
    if rival is None:
        return None
    try:
        return ratio(contest.best.test, arena.fixed("champion", rival), arena.spec)
    except FitError as error:
        show.say(f"The champion's recipe cannot be fitted on this data: {error}")
        return None


def _judge(
    arena: Arena, contest: Contest, source: Source, champion: Candidate | None, paired: Interval | None
) -> Decision:
    spec = arena.spec
    new = Candidate(contest.best.resolved.params(), source.lake, source.versions)
    over_floor = ratio(contest.best.test, contest.floor.test, spec)
    return decide(new, champion, paired, floor_ratio=over_floor.ratio, metric=spec.metric)


def _register(tracker: Tracker, parent: Run, bundle: Path, manifest: Manifest, decision: Decision) -> Version:
    metric = manifest.metrics["test"]["groups"]["all"]["metrics"]
    tags = {"spec": manifest.spec, "decision": decision.reason, "test": json.dumps(metric, sort_keys=True)}
    return tracker.register(parent, bundle, manifest, tags)


def _hand_over(job: Job, tracker: Tracker, version: Version, bundle: Path, decision: Decision) -> None:
    """``--out`` always gets this run's bundle; the alias and what is served follow the decision."""
    if job.out is not None:
        target = job.out.absolute()
        sweep(target.parent)
        copy_bundle(bundle, target)
    if decision.promoted:
        release.promote(job.state, tracker, version, bundle)
    else:
        tracker.set_alias(CHALLENGER, version)
