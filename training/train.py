"""``recsys train``: prepare, compare recipes, refit the best on everything, publish it, and maybe promote it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from recsys.bundle import Manifest
from recsys.content import ContentSpace
from recsys.models.recipe import FitContext
from training import card, judging, release
from training.champion import check_writable, copy_bundle, sweep, workplace
from training.gate import Report, judge
from training.key import keys
from training.promotion import Decision
from training.publish import attest, publish
from training.record import Recorder
from training.selection import Arena, Contest, hold
from training.show import Show
from training.source import open_source
from training.spec import RunSpec
from training.state import State
from training.tracking import Tracker, Version

GATE_FILE = "gate.json"


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
    gate: Report


def train(job: Job, show: Show) -> Outcome:
    """Run the whole job; whatever kills it, nothing half made is left where anyone looks for it."""
    if job.out is not None:
        check_writable(job.out, force=job.force)
    tracker = Tracker(job.state)
    tracker.close_killed()
    champion = judging.incumbent(job.state, tracker, show.say)
    show.doing("preparing the data")
    source = open_source(job.lake, job.spec, job.state)
    spec, absent = job.spec.for_log(source.data)
    job = replace(job, spec=spec)
    show.without(absent)
    arena = Arena(source.windows, job.spec, device=job.device, checkpoint=job.state.checkpoints)
    with tracker.run(job.spec.name) as parent, workplace(job.state) as work:
        recorder = Recorder(tracker, parent, show, work)
        recorder.begin(source, job.spec)
        contest = hold(arena, lambda section: recorder.trial(arena, section))
        job = replace(job, spec=arena.spec)
        show.without(contest.left_out)
        recorder.contest(contest, job.spec)
        show.doing("describing what was found")
        content = ContentSpace.fit(source.data.catalogue, job.spec.content, seed=job.spec.seed)
        found = recorder.describe(arena, contest, source, content)
        show.doing("comparing with the champion")
        evidence = judging.evidence(arena, contest, source, champion, judging.rival(arena, champion, show))
        show.doing(f"refitting {contest.best.section} on all events")
        context = FitContext(seed=job.spec.seed, device=job.device, checkpoint=job.state.checkpoints, known=arena.known)
        publish(work / "bundle", source, contest, job.spec, context, content=content, card=card.write(found))
        show.doing("asking the gate")
        drift = judging.drifted(evidence.new, champion, job.spec.prepare, job.state)
        gate = judge(job.spec.gate, replace(evidence, bundle=work / "bundle", drift=drift))
        parent.json(gate.values(), GATE_FILE)
        manifest = attest(work / "bundle", gate.values())
        show.doing("publishing")
        tags = {**_tags(manifest, gate, job.spec), **keys(job.spec, source.versions, source.ids)}
        version = tracker.register(parent, work / "bundle", manifest, tags)
        _write_out(job, work / "bundle")
        judged = None if champion is None else champion.number
        decision = release.settle(job.state, tracker, version, work / "bundle", gate.decision, judged=judged)
        recorder.conclude(found, decision, version, gate.values())
    job.state.forget_stale_checkpoints()
    return Outcome(contest, tuple(window.name for window in source.windows), manifest, version, decision, gate)


def _tags(manifest: Manifest, gate: Report, spec: RunSpec) -> dict[str, str]:
    """What the registry says of a version beside what its bundle says."""
    test = json.dumps(manifest.metrics["test"]["groups"]["all"]["metrics"], sort_keys=True)
    told = {"spec": manifest.spec, "metric": spec.metric, "decision": gate.decision.reason, "test": test}
    return {**told, release.GATE: json.dumps(gate.values(), ensure_ascii=False)}


def _write_out(job: Job, bundle: Path) -> None:
    """``--out`` always gets this run's bundle, whatever the gate says."""
    if job.out is not None:
        target = job.out.absolute()
        sweep(target.parent, target.name)
        copy_bundle(bundle, target)
