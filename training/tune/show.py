"""What a search tells while it goes on and when it is over. Progress goes to stderr."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from recsys.models.recipe import Recipe

if TYPE_CHECKING:
    from training.tune.run import Found
    from training.tune.tried import Tried

TOP = 10  # trials in a table


class Show:
    """A line that moves for each search, with the best so far and the time left, and a line that stays per trial."""

    def __init__(self, *, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[best]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("preparing the data", total=None, best="")
        self._what = ""

    @contextmanager
    def running(self) -> Iterator["Show"]:
        """Show progress during a block."""
        with self._progress:
            yield self

    def say(self, line: str) -> None:
        """A line that stays."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def begin(self, section: str, done: float, total: float) -> None:
        """Another section's search, which may have been begun earlier."""
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(section, total=total, best="")
        self._progress.update(self._task, completed=done)

    def doing(self, section: str, number: int, recipe: Recipe) -> None:
        """A trial begins."""
        factors = getattr(recipe, "factors", None)
        self._what = f"{section} · trial {number}" + (f" · {factors} factors" if factors else "")
        self._progress.update(self._task, description=self._what)

    def epoch(self, window: int, epoch: int, value: float) -> None:
        """An epoch of the trial that is on."""
        self._progress.update(self._task, description=f"{self._what} · window {window + 1} · epoch {epoch} {value:.4f}")

    def done(self, last: "Tried", best: "Tried | None", metric: str, at: float) -> None:
        """A trial is over; ``at`` is how far the search has come."""
        told = "" if best is None else f"best {best.value:.4f} by trial {best.number}"
        self._progress.update(self._task, completed=at, best=told)
        value = "" if last.value is None else f" {metric} {last.value:.4f}"
        reason = f" ({last.reason})" if last.reason else ""
        self.say(
            f"trial {last.number}: {last.state}{value}, {last.seconds or 0:.1f} s{reason}; {told or 'no best yet'}"
        )


def table(found: "Found", top: int = TOP) -> Table:
    """The best trials, and the default wherever it stands."""
    made = Table("trial", title=f"{found.section}: {len(found.trials)} trials", box=SIMPLE_HEAD, pad_edge=False)
    made.add_column(f"{found.metric} on validation", justify="right")
    made.add_column("seconds", justify="right")
    made.add_column("settings")
    complete = sorted((t for t in found.trials if t.state == "complete"), key=lambda t: -(t.value or 0.0))
    for trial in complete[:top] + [t for t in complete[top:] if t.is_default]:
        words = "the spec's own" if trial.is_default else _words(trial)
        made.add_row(str(trial.number), f"{trial.value:.4f}", f"{trial.seconds or 0:.1f}", words)
    return made


def lines(found: "Found") -> list[str]:
    """What came of a search, in words."""
    return [*_importances(found), _verdict(found), *_others(found)]


def counts(trials: Sequence["Tried"]) -> str:
    """How many trials ended how: ``20 trials (14 complete, 5 pruned, 1 failed)``."""
    states = [trial.state for trial in trials]
    parts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
    return f"{len(trials)} trial{'s' if len(trials) != 1 else ''} ({parts})"


def _words(trial: "Tried") -> str:
    return ", ".join(f"{name} {value}" for name, value in trial.settings.items())


def _importances(found: "Found") -> list[str]:
    if not found.importances:
        return []
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found.importances.items())
    return [f"What mattered in {found.section}: {shares}."]


def _verdict(found: "Found") -> str:
    default, best = found.default, found.best
    if default is None or default.value is None:
        why = f" ({default.reason.rstrip('.')})" if default is not None and default.reason else ""
        return f"{found.section}: trial {best.number} is best; the spec's own settings have no result{why}."
    if best.is_default:
        return (
            f"{found.section}: nothing beat the spec's own settings, {found.metric} {best.value:.4f} on validation; "
            "they stay."
        )
    gain = f", {best.value / default.value:.3f} times as much" if best.value and default.value else ""
    return (
        f"{found.section}: trial {best.number} makes {found.metric} {best.value:.4f} on validation, the spec's own "
        f"settings {default.value:.4f}{gain}. The best of {len(found.trials)} on one validation set flatters; "
        "`recsys train` measures on test."
    )


def _others(found: "Found") -> list[str]:
    running = sum(trial.state == "running" for trial in found.trials)
    return [f"{running} of its trials still run elsewhere; run it again to see what they bring."] if running else []
