"""``recsys retrain``: the scheduled job. It does nothing where nothing is new, and any moment is good to kill it."""

from dataclasses import dataclass, field
from typing import Literal

import pyarrow.parquet as pq

from recsys.errors import GateError, RecsysError
from recsys.lake import Lake
from recsys.prepare.build import TABLES
from training import judging, release
from training.champion import sweep
from training.drift.report import DriftReport
from training.gate.check import Check
from training.gate.checks.drift import Drift
from training.key import KEY, SPEC_KEY, keys
from training.lock import Busy, alone
from training.promotion import Candidate
from training.prune import prune
from training.show import Show
from training.tracking import Run, Tracker, Version
from training.train import Job, Outcome, train

Done = Literal["trained", "nothing new", "busy"]
DRIFT_FILE = "drift.json"


@dataclass(frozen=True)
class Options:
    """When the job goes to work, and what it leaves."""

    min_events: int = 1  # new ones since the last version of this spec
    keep: int = 3  # newest bundles, beside champion and previous
    despite_drift: bool = False


@dataclass(frozen=True, eq=False)
class Result:
    """What the job did, in a sentence."""

    done: Done
    sentence: str
    outcome: Outcome | None = None
    drift: DriftReport | None = None
    pruned: list[str] = field(default_factory=list)


def retrain(job: Job, options: Options, show: Show) -> Result:
    """Train where there is something new, promote through the gate, make room.

    Raises GateError where the data drifted so far that it blocks; nothing is trained then.
    """
    try:
        with alone(job.state.root / "retrain.lock"):
            return _retrain(job, options, show)
    except Busy as error:
        return Result("busy", f"Another retrain is at work ({error}), so this one leaves.")


def _retrain(job: Job, options: Options, show: Show) -> Result:
    sweep(job.state.staging)
    tracker = Tracker(job.state)
    tracker.close_killed()
    champion = judging.incumbent(job.state, tracker, show.say)
    new = _candidate(job)
    idle = _idle(job, tracker, new, options)
    if idle is not None:
        if champion is not None and champion.number is not None and not tracker.embedded:
            release.mirror(job.state, tracker)  # a killed job may have moved the alias alone
        return Result("nothing new", idle, pruned=prune(job.state, tracker, options.keep))
    show.doing("looking for drift")
    report = _drift(job, tracker, new, champion, options)
    outcome = train(job, show)
    return Result("trained", outcome.decision.reason, outcome, report, prune(job.state, tracker, options.keep))


def _candidate(job: Job) -> Candidate:
    """The newest data; no recipe is chosen yet."""
    lake = judging.lake_of(job.lake)
    versions = {table: version for table, version in lake.versions().items() if table in TABLES}
    ids = {table: one for table, one in lake.ids().items() if table in TABLES}
    return Candidate({}, lake.root, versions, ids)


def _idle(job: Job, tracker: Tracker, new: Candidate, options: Options) -> str | None:
    """Why there is nothing to do; None where there is."""
    wanted = keys(job.spec, new.lake_versions, new.lake_ids)
    ended = [version for version in tracker.versions() if version.aliases or release.OUTCOME in version.tags]
    same = next((version for version in ended if version.tags.get(KEY) == wanted[KEY]), None)
    if same is not None:
        return f"Nothing is new: version {same.number} was made by this spec and code from {new.data()}."
    last = next((version for version in ended if _alike(version, wanted[SPEC_KEY], new)), None)
    if last is None:
        return None
    events = _new_events(job, last, new)
    if events is None or events >= options.min_events:
        return None
    return (
        f"{events} events are new since version {last.number}, and --min-events asks for {options.min_events}: "
        "nothing is done."
    )


def _alike(version: Version, spec: str, new: Candidate) -> bool:
    return version.tags.get(SPEC_KEY) == spec and new.same_lake(version.candidate)


def _new_events(job: Job, last: Version, new: Candidate) -> int | None:
    """Rows of the events table now less those of a version; None where that one can no longer be counted."""
    lake = judging.lake_of(job.lake)
    try:
        before, now = (_rows(lake, side.lake_versions["events"]) for side in (last.candidate, new))
    except (RecsysError, KeyError, OSError):
        return None
    return max(0, now - before)


def _rows(lake: Lake, version: int) -> int:
    return sum(pq.read_metadata(file).num_rows for file in lake.files("events", version))


def _drift(
    job: Job, tracker: Tracker, new: Candidate, champion: judging.Incumbent | None, options: Options
) -> DriftReport | None:
    """The report, in a run of its own; GateError where the gate's drift check fails and blocks."""
    check: Check | None = job.spec.gate.checks.get("drift")
    if not isinstance(check, Drift):
        return None
    try:
        report = judging.drifted(new, champion, job.spec.prepare, job.state)(check.limits)
    except RecsysError:  # the gate says so
        return None
    if report is None or report.new_events < check.min_events:
        return report
    with tracker.run("drift") as run:
        _log(run, report)
    if report.verdict == "block" and check.block and not options.despite_drift:
        raise GateError(f"{report.sentence} Nothing was trained; look at the data, or give --despite-drift.")
    return report


def _log(run: Run, report: DriftReport) -> None:
    run.json(report.values(), DRIFT_FILE)
    run.tags({"drift": report.verdict})
    run.metrics({f"drift.{measure.name}.{measure.kind}": measure.value for measure in report.measures})
