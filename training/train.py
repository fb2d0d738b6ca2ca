"""``recsys train``: prepare, compare recipes, refit the best on everything, publish it, and maybe promote it."""

import json
from dataclasses import dataclass
from pathlib import Path

from recsys.bundle import Manifest
from recsys.errors import BundleError, ConfigError, FitError, RecsysError
from recsys.metrics import Interval
from recsys.models.recipe import FitContext, parse
from training import release
from training.champion import check_writable, copy_bundle, sweep, workplace
from training.promotion import Candidate, Decision, decide
from training.publish import publish
from training.record import Recorder
from training.selection import Arena, Contest, hold, ratio
from training.show import Show
from training.source import Source, open_source
from training.spec import RunSpec
from training.state import State
from training.tracking import CHALLENGER, Tracker, Version


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
    windows: tuple[str, ...]  # their names
    manifest: Manifest
    version: Version
    decision: Decision


def train(job: Job, show: Show) -> Outcome:
    """Run the whole job; whatever kills it, nothing half made is left where anyone looks for it."""
    if job.out is not None:
        check_writable(job.out, force=job.force)
    tracker = Tracker(job.state)
    tracker.close_killed()
    champion = _champion(job.state, tracker, show)
    show.doing("preparing the data")
    source = open_source(job.lake, job.spec, job.state)
    arena = Arena(source.windows, job.spec, device=job.device, checkpoint=job.state.checkpoints)
    with tracker.run(job.spec.name) as parent, workplace(job.state) as work:
        recorder = Recorder(tracker, parent, show, work)
        recorder.begin(source, job.spec)
        contest = hold(arena, lambda section: recorder.trial(arena, section))
        recorder.contest(contest, job.spec)
        show.doing("comparing with the champion")
        decision = _judge(arena, contest, source, champion, _against(arena, contest, champion, show))
        show.doing(f"refitting {contest.best.section} on all events")
        context = FitContext(seed=job.spec.seed, device=job.device, checkpoint=job.state.checkpoints)
        manifest = publish(work / "bundle", source, contest, job.spec, context)
        show.doing("publishing")
        version = tracker.register(parent, work / "bundle", manifest, _tags(manifest, decision, job.spec))
        _hand_over(job, tracker, version, work / "bundle", decision)
    job.state.forget_stale_checkpoints()
    return Outcome(contest, tuple(window.name for window in source.windows), manifest, version, decision)


def _champion(state: State, tracker: Tracker, show: Show) -> Candidate | None:
    """The champion as far as it can be known: what is wrong with the served one is said, and no reason not to train."""
    try:
        release.heal(state, tracker)
    except RecsysError as error:
        show.say(f"The champion cannot be served as it is: {error}")
    try:
        return release.current(state, tracker)
    except BundleError as error:
        show.say(f"What is served here cannot be read, so it is no champion to compare with: {error}")
        return None


def _against(arena: Arena, contest: Contest, champion: Candidate | None, show: Show) -> Interval | None:
    """The winner ÷ the champion's recipe, both as fixed recipes on the newest test slice; None without a comparison."""
    if champion is None:
        return None
    try:
        rival = parse(champion.recipe, where="The champion")
        return ratio(contest.best.test, arena.fixed("champion", rival), arena.spec)
    except (ConfigError, FitError) as error:
        show.say(f"The champion's recipe cannot be fitted here: {error}")
        return None


def _judge(
    arena: Arena, contest: Contest, source: Source, champion: Candidate | None, paired: Interval | None
) -> Decision:
    spec = arena.spec
    new = Candidate(contest.best.resolved.params(), source.lake, source.versions, source.ids)
    over_floor = ratio(contest.best.test, contest.floor.test, spec)
    return decide(new, champion, paired, floor_ratio=over_floor.ratio, metric=spec.metric)


def _tags(manifest: Manifest, decision: Decision, spec: RunSpec) -> dict[str, str]:
    """What the registry says of a version beside what its bundle says."""
    test = json.dumps(manifest.metrics["test"]["groups"]["all"]["metrics"], sort_keys=True)
    return {"spec": manifest.spec, "metric": spec.metric, "decision": decision.reason, "test": test}


def _hand_over(job: Job, tracker: Tracker, version: Version, bundle: Path, decision: Decision) -> None:
    """``--out`` always gets this run's bundle; the alias and what is served follow the decision."""
    if job.out is not None:
        target = job.out.absolute()
        sweep(target.parent, target.name)
        copy_bundle(bundle, target)
    if decision.promoted:
        release.promote(job.state, tracker, version, bundle)
    else:
        tracker.set_alias(CHALLENGER, version)
