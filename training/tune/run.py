"""``recsys tune``: one study for each section of a spec, and a spec with the best of all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from recsys.errors import ConfigError, FitError
from training.source import Source, open_source
from training.spec import RunSpec
from training.state import State
from training.tracking import Tracker
from training.tune import best as files
from training.tune import study as studies
from training.tune.budget import budget
from training.tune.objective import Objective
from training.tune.ranges import Space
from training.tune.show import Show, counts
from training.tune.spaces import searched, space_of, tunable
from training.tune.trials import SOFT, Search, Trials
from training.tune.tried import Tried, all_tried, best_of, tried

MATTER = 10  # complete trials from which on it can be said what mattered
HOPELESS = 5  # failures at the start after which a search is given up


@dataclass(frozen=True)
class Job:
    """What ``recsys tune`` was asked for."""

    lake: str
    spec: RunSpec
    values: Mapping[str, Any]  # the same, as its file says it
    state: State
    sections: Sequence[str] = ()  # all that can be tuned
    trials: int | None = None
    minutes: float | None = None
    storage: str | None = None
    study: str | None = None
    out: Path | None = None
    force: bool = False
    device: str = "cpu"
    threads: int = 0  # all cores


@dataclass(frozen=True, eq=False)
class Found:
    """What came of one section's search."""

    section: str
    study: str
    metric: str
    trials: tuple[Tried, ...]  # those that count, in their order
    best: Tried
    importances: Mapping[str, float]  # by field; empty where there is too little to say

    @property
    def default(self) -> Tried | None:
        """The trial of the spec's own settings."""
        return next((trial for trial in self.trials if trial.is_default), None)


def tune(job: Job, show: Show) -> list[Found]:
    """Search every section that was asked for, and write the best spec. Killed at any time, it goes on when run again.

    Raises ConfigError for what cannot be searched, FitError where no trial succeeds, StoreError for the database.
    """
    spaces = _spaces(job)
    limit = budget(job.trials, job.minutes, len(spaces))
    if job.out is not None:
        files.check_free(job.out, force=job.force)
    url = job.storage or studies.default_storage(job.state.root)
    storage = studies.open_storage(url)
    tracker = Tracker(job.state)
    tracker.close_killed()
    source = open_source(job.lake, job.spec, job.state)
    objective = Objective(source.windows, job.spec, job.device, job.threads)
    found = []
    for section, space in spaces.items():
        search = Search(section, job.spec.models[section], space, objective, limit.again())
        digest = studies.digest_of(_facts(search, source))
        study = studies.open_study(storage, _name(job, section, digest), digest, url)
        with studies.told(url):
            found.append(_searched(search, study, tracker, show))
    if job.out is not None:
        _write(job, found, source)
    return found


def _spaces(job: Job) -> dict[str, Space]:
    models, told = job.spec.models, job.spec.tune
    for name in (*told, *job.sections):
        if name not in models:
            raise ConfigError(f"There is no section [models.{name}] to tune; the spec has {', '.join(models)}.")
    sections = list(dict.fromkeys(job.sections)) or tunable(models, told)
    if not sections:
        raise ConfigError("No section of this spec can be tuned; name ranges under [tune.<section>].")
    return {name: space_of(models[name], told.get(name, {}), f"tune.{name}") for name in sections}


def _facts(search: Search, source: Source) -> dict[str, Any]:
    """Everything that trials must have in common to be compared."""
    spec = search.objective.spec
    return {
        "lake": {"versions": dict(source.versions), "ids": dict(source.ids)},
        "spec": spec.model_dump(mode="json", include={"prepare", "split", "metric", "seed"}),
        "section": search.section,
        "recipe": search.recipe.params(),
        "space": _plain(search.space),
    }


def _name(job: Job, section: str, digest: str) -> str:
    return f"{job.study}.{section}" if job.study else f"{job.spec.name}.{section}.{digest[:10]}"


def _searched(search: Search, study: optuna.Study, tracker: Tracker, show: Show) -> Found:
    """Go on with a study until its budget is spent."""
    limit = search.budget
    with tracker.run(f"tune {study.study_name}", again=study.user_attrs.get(studies.RUN)) as parent:
        study.set_user_attr(studies.RUN, parent.id)
        parent.params({search.section: {"metric": search.metric, "space": _plain(search.space)}})
        parent.tags({"recsys.study": study.study_name})
        one = Trials(search, tracker, parent, show)
        show.begin(search.section, limit.done(_begun(study)), limit.total)
        requeued = studies.reclaim(study)
        if requeued:
            show.say(f"Trials lost with their process, to be tried again: {requeued}.")
        while not limit.over(_begun(study)):
            study.optimize(one, n_trials=1, catch=SOFT, callbacks=[_told(search, show)])
            studies.reclaim(study)
            _give_up_if_hopeless(search.section, study)
        found = _found(search, study)
        parent.metrics({f"validation.{search.metric}": found.best.value or 0.0, "trials": len(found.trials)})
        parent.tags({"recsys.best_trial": str(found.best.number)})
    return found


def _begun(study: optuna.Study) -> int:
    return sum(trial.state != TrialState.WAITING for trial in studies.counted(study))


def _told(search: Search, show: Show) -> Callable[[optuna.Study, FrozenTrial], None]:
    def told(study: optuna.Study, last: FrozenTrial) -> None:
        if studies.SURPLUS not in last.user_attrs:
            trials = all_tried(study)
            show.done(tried(last), best_of(trials), search.metric, search.budget.done(_begun(study)))

    return told


def _give_up_if_hopeless(section: str, study: optuna.Study) -> None:
    trials = all_tried(study)
    if len(trials) >= HOPELESS and all(trial.state == "failed" for trial in trials):
        raise FitError(f"All {len(trials)} trials of {section} failed; the first one: {trials[0].reason}")


def _found(search: Search, study: optuna.Study) -> Found:
    trials = all_tried(study)
    best = best_of(trials)
    if best is None:
        reason = next((trial.reason for trial in trials if trial.reason), "none has ended yet; run it again.")
        raise FitError(f"No trial of {search.section} has succeeded: {reason}")
    return Found(search.section, study.study_name, search.metric, trials, best, _importances(search.space, study))


def _importances(space: Space, study: optuna.Study) -> dict[str, float]:
    """The share of each field in what sets good trials apart (Watanabe, Bansal and Hutter 2023)."""
    whole = {field: range_.distribution() for field, range_ in searched(space).items()}
    complete = [
        optuna.trial.create_trial(params=trial.params, distributions=whole, value=trial.value)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if trial.params.keys() == whole.keys()
    ]
    if len(complete) < MATTER or len(whole) < 2 or len({trial.value for trial in complete}) < 2:
        return {}
    flat = optuna.create_study(direction="maximize")  # in which every stage has the same spans
    flat.add_trials(complete)
    return dict(optuna.importance.get_param_importances(flat))


def _plain(space: Space) -> dict[str, Any]:
    return {field: range_.plain() for field, range_ in space.items()}


def _write(job: Job, found: Sequence[Found], source: Source) -> None:
    if job.out is None:
        return
    versions = ", ".join(f"{table} {version}" for table, version in source.versions.items())
    header = [f"Found by `recsys tune` from the spec {job.spec.name}; lake versions: {versions}."]
    winners = {}
    for one in found:
        header += ["", *_header(one)]
        if not one.best.is_default and one.best.recipe is not None:
            winners[one.section] = one.best.recipe
    header += ["", "What is open here (such as epochs) `recsys train` chooses on validation again."]
    files.write(job.out, files.with_winners(job.values, winners), header, force=job.force)


def _header(found: Found) -> list[str]:
    default = found.default
    own = "no result" if default is None or default.value is None else f"{default.value:.4f}"
    best = f"trial {found.best.number} {found.best.value:.4f}, the spec's own settings {own}"
    if found.best.is_default:
        best = f"the spec's own settings {own}, which nothing beat"
    return [
        f"[models.{found.section}] study {found.study}: {counts(found.trials)}.",
        f"{found.metric} on validation: {best}.",
    ]
