"""What a training job brings before the gate: the champion it runs against, and all that was measured."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recsys.bundle import read_manifest
from recsys.errors import BundleError, ConfigError, FitError, RecsysError
from recsys.evaluate import Evaluation
from recsys.lake import Lake
from recsys.models.recipe import parse
from recsys.prepare.spec import PrepareSpec
from recsys.types import Query
from training import release
from training.champion import read_served
from training.drift.between import drift
from training.drift.limits import DriftLimits
from training.drift.report import DriftReport
from training.gate.evidence import Evidence
from training.promotion import Candidate
from training.selection import Arena, Contest
from training.show import Show
from training.source import Source
from training.state import State
from training.tracking import CHAMPION, Tracker

ASKED = 200  # queries that the bundle's time is taken with


@dataclass(frozen=True)
class Incumbent:
    """The champion of the moment. ``number`` is None where only what is served here is known."""

    candidate: Candidate
    number: str | None
    bundle: Path | None  # installed here


def lake_of(place: str) -> Lake:
    """The lake at a folder or URI."""
    return Lake(place if "://" in place else Path(place).resolve())


def incumbent(state: State, tracker: Tracker, say: Callable[[str], None]) -> Incumbent | None:
    """The champion as far as it can be known: what is wrong with the served one is said, and stops nobody."""
    try:
        release.heal(state, tracker)
    except RecsysError as error:
        say(f"The champion cannot be served as it is: {error}")
    try:
        return _known(state, tracker)
    except BundleError as error:
        say(f"What is served here cannot be read, so it is no champion to compare with: {error}")
        return None


def rival(arena: Arena, champion: Incumbent | None, show: Show) -> Evaluation | None:
    """The champion's recipe on the newest test slice; None without one, or where it cannot be fitted here."""
    if champion is None:
        return None
    try:
        recipe = parse(champion.candidate.recipe, where="The champion")
        return arena.fixed("champion", recipe)
    except (ConfigError, FitError) as error:
        show.say(f"The champion's recipe cannot be fitted here: {error}")
        return None


def evidence(
    arena: Arena, contest: Contest, source: Source, champion: Incumbent | None, against: Evaluation | None
) -> Evidence:
    """What was measured, but for bundle and drift."""
    new = Candidate(contest.best.resolved.params(), source.lake, source.versions, source.ids)
    return Evidence(
        new=new,
        champion=None if champion is None else champion.candidate,
        test=contest.best.test,
        champion_test=against,
        floor_test=contest.floor.test,
        metric=arena.spec.metric,
        seed=arena.spec.seed,
        queries=_some(arena.windows[-1].test.queries),
    )


def drifted(
    new: Candidate, champion: Incumbent | None, spec: PrepareSpec, state: State
) -> Callable[[DriftLimits], DriftReport | None]:
    """How to tell drift from the champion's lake versions to the new ones; None where these are not comparable."""

    def tell(limits: DriftLimits) -> DriftReport | None:
        if champion is None or not new.same_lake(champion.candidate):
            return None
        older = champion.candidate.lake_versions
        return drift(new.lake, older, new.lake_versions, state, limits=limits, bundle=champion.bundle, spec=spec)

    return tell


def _known(state: State, tracker: Tracker) -> Incumbent | None:
    version = tracker.aliased(CHAMPION)
    if version is not None:
        home = state.bundles / version.bundle
        return Incumbent(version.candidate, version.number, home if home.is_dir() else None)
    served = read_served(state)
    if served is None:
        return None
    made = read_manifest(Path(served.path))
    return Incumbent(Candidate(made.recipe, made.lake, made.lake_versions, made.lake_ids), None, Path(served.path))


def _some(queries: list[Query]) -> tuple[Query, ...]:
    """At most ``ASKED`` of them, spread over all."""
    step = max(1, -(-len(queries) // ASKED))
    return tuple(queries[::step])
