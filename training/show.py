"""What a long job tells a person while it works. Progress goes to stderr, results to stdout."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from training.selection import Trial


class Show:
    """One line that moves, and one line that stays for each thing done."""

    def __init__(self, models: int, *, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} models"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self._task: TaskID = self._progress.add_task("preparing", total=models)

    @contextmanager
    def running(self) -> Iterator["Show"]:
        """Show progress during a block."""
        with self._progress:
            yield self

    def say(self, line: str) -> None:
        """A line that stays."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def without(self, left_out: Mapping[str, str]) -> None:
        """Sections that are not tried, and why."""
        for section, why in left_out.items():
            self._progress.advance(self._task)
            self.say(f"{section} is left out: {why}.")

    def doing(self, what: str) -> None:
        """What the moving line says."""
        self._progress.update(self._task, description=what)

    def step(self, section: str, window: int, step: int, metrics: Mapping[str, float]) -> None:
        """One epoch of one recipe in one window."""
        told = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.doing(f"{section} · window {window + 1} · epoch {step}  {told}")

    def done(self, trial: Trial, metric: str) -> None:
        """One recipe is measured."""
        self._progress.advance(self._task)
        self.say(
            f"{trial.section}: {metric} {trial.validation.mean(metric):.4f} on validation, "
            f"{trial.pooled_test.mean(metric):.4f} on test, {trial.seconds:.1f} s"
        )
