"""Pictures of a run: how a model learned, and whom it serves, the many or the few."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from recsys.types import FloatArray

Curve = Sequence[tuple[int, int, Mapping[str, float]]]  # window, step, metrics


def learning_curve(curve: Curve, title: str, path: Path) -> None:
    """Write a PNG with one panel for each reported metric and one line for each window, over the steps of the fit.

    Nothing is written where no step reported anything.
    """
    names = sorted({name for _, _, metrics in curve for name in metrics})
    if not names:
        return
    figure = Figure(figsize=(6, 2.6 * len(names) + 0.4), layout="constrained")
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(len(names), 1, place)
        for window in sorted({window for window, _, _ in curve}):
            points = [(step, metrics[name]) for w, step, metrics in curve if w == window and name in metrics]
            if not points:
                continue
            axes.plot(*zip(*points, strict=True), marker=".", label=f"window {window + 1}")
        axes.set(ylabel=name, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(title)
    _write(figure, path)


def by_popularity(recalls: Mapping[str, FloatArray], title: str, path: Path) -> None:
    """Write a PNG with recall@10 (10,) of each model by the popularity decile of the items that were to be found."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, recall in recalls.items():
        axes.plot(range(1, len(recall) + 1), recall, marker="o", label=name)
    axes.set(xlabel="popularity decile of the item (10 = most popular)", ylabel="recall@10", title=title)
    axes.set_xticks(range(1, 11))
    axes.grid(alpha=0.3)
    axes.legend()
    _write(figure, path)


def _write(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=110)
