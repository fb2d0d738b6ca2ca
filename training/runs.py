"""Runs that were recorded, as a person names them: an id, a name, a version, an alias, one section of any of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.errors import ConfigError, StoreError
from training import measured
from training.measured import Measured
from training.tracking import CHALLENGER, CHAMPION, Recorded, Tracker, Version

SHORTEST_PREFIX = 4  # characters of an id


@dataclass(frozen=True)
class Found:
    """What a name means: a training run, and one of its sections."""

    wanted: str
    training: Recorded
    section: Recorded | None  # None where none was named and the run has no winner

    @property
    def label(self) -> str:
        """The name with its section."""
        section = self.section.name if self.section is not None else None
        whole = section is None or self.wanted.endswith(f"/{section}") or self.wanted == section
        return self.wanted if whole else f"{self.wanted}/{section}"


class Archive:
    """The runs and versions of a registry as they are now."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._runs = tracker.runs()
        self._versions = tracker.versions()

    def find(self, wanted: str) -> Found:
        """The run that ``wanted`` names: ``RUN`` or ``RUN/section``; without a section the winner of the run.

        RUN is a run's id or at least four letters of its beginning, its name (the newest of that name), a version's
        number, its bundle's version, or ``champion`` or ``challenger``. StoreError where there is none.
        """
        run = self._run(wanted)
        if run is not None:
            return self._with_section(wanted, run, run.winner)
        name, slash, section = wanted.rpartition("/")
        run = self._run(name) if slash else None
        if run is None:
            raise StoreError(
                f"{self._tracker.place} knows no run {wanted!r}: give the id or the name of a run, a version's number, "
                "champion or challenger, or one of these with /SECTION; `recsys models` lists the versions."
            )
        found = self._with_section(wanted, run, section)
        if found.section is None:
            known = ", ".join(one.name for one in self._sections(run)) or "none"
            raise StoreError(f"The run {name!r} has no section {section!r}; it has: {known}.")
        return found

    def measured(self, found: Found, folder: Path) -> Measured:
        """What a section made on test, query by query; ``folder`` is an empty one for the download."""
        if found.section is None:
            raise StoreError(f"The run {found.wanted!r} has no winner, so it did not end well; name a section of it.")
        home = self._tracker.artifact(found.section.id, measured.PLACE, folder)
        if home is None:
            raise StoreError(
                f"{found.label} has no evaluation by query: it did not end, or was trained before these were kept. "
                "Train it again."
            )
        return measured.load(home, found.label)

    def _with_section(self, wanted: str, run: Recorded, section: str | None) -> Found:
        if run.parent is not None:
            training = next((one for one in self._runs if one.id == run.parent), run)
            return Found(wanted, training, run)
        return Found(wanted, run, next((one for one in self._sections(run) if one.name == section), None))

    def _sections(self, run: Recorded) -> list[Recorded]:
        return [one for one in self._runs if one.parent == run.id]

    def _run(self, wanted: str) -> Recorded | None:
        version = self._version(wanted)
        if version is not None:
            return self._of_version(version)
        exact = [run for run in self._runs if wanted in (run.id, run.name)]
        if exact:
            return min(exact, key=lambda run: run.parent is not None)  # a training run before a section of its name
        if len(wanted) < SHORTEST_PREFIX:
            return None
        return _only(wanted, [run for run in self._runs if run.id.startswith(wanted)])

    def _version(self, wanted: str) -> Version | None:
        for version in self._versions:
            if wanted in (version.number, version.bundle, *version.aliases):
                return version
        if wanted in (CHAMPION, CHALLENGER):
            raise StoreError(f"There is no {wanted} yet; `recsys models` lists the versions.")
        return None

    def _of_version(self, version: Version) -> Recorded:
        run = next((run for run in self._runs if run.id == version.run), None)
        if run is None:
            raise StoreError(f"The run that made version {version.number} is gone from {self._tracker.place}.")
        return run


def _only(wanted: str, found: Sequence[Recorded]) -> Recorded | None:
    if len(found) > 1:
        raise ConfigError(f"{len(found)} runs have an id that begins with {wanted!r}; give more letters of it.")
    return found[0] if found else None
