"""The one form of every benchmark's answer."""

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.evaluate import Evaluation
from recsys.metrics import Interval, paired_ratio

PACKAGES = ("torch", "implicit", "irspack", "rectools-lightfm", "numpy", "scipy", "mlflow", "bentoml")


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    data: Path | None = None
    case: str | None = None
    quick: bool = False
    spec: str = "default"  # the run spec of this project that stands against the peers
    count: int | None = None  # how many cases to try, where that can be chosen
    seed: int | None = None  # of what is drawn, where that can be chosen
    jobs: int = 1  # processes, where the work can be shared out
    journal: Path | None = None  # where it is kept what is done already, so that a run can go on


def row(
    case: str, metric: str, *, ours: float, peer: float, peer_name: str, paired: Interval, bar: str, ok: bool
) -> dict[str, Any]:
    """One line that carries a bar; ``paired`` is the ratio in the sense that more is better, with its interval."""
    return {
        "case": case,
        "metric": metric,
        "ours": round(ours, 5),
        "peer": round(peer, 5),
        "peer_name": peer_name,
        "ratio": round(paired.ratio, 4),
        "low": round(paired.low, 4),
        "high": round(paired.high, 4),
        "bar": bar,
        "ok": ok,
    }


def published_row(case: str, found: Evaluation, metric: str, bar: float, *, peer: str) -> dict[str, Any]:
    """One line against a figure that was published: its only spread is that of our users."""
    values = found.values(metric)
    paired = paired_ratio(values, np.full(len(values), bar), seed=0, clusters=found.clusters)
    mean = found.mean(metric)
    return row(
        case, metric, ours=mean, peer=bar, peer_name=peer, paired=paired, bar=f">= {bar:g}", ok=bool(mean >= bar)
    )


def result(
    bench: str, rows: Sequence[dict[str, Any]], *, details: Any, settings: Any, seconds: float
) -> dict[str, Any]:
    """The object that a benchmark prints last; a package that is not installed has no version."""
    versions = {name: version for name in PACKAGES if (version := _version(name)) is not None}
    versions["python"] = platform.python_version()
    return {
        "bench": bench,
        "rows": list(rows),
        "details": details,
        "versions": versions,
        "settings": settings,
        "seconds": round(seconds, 1),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """All results as one page."""
    lines = [
        "# Results",
        "",
        "Written by `make bench`. A ratio above 1 is better than the peer; the interval is 95 %.",
        "",
    ]
    for found in results:
        lines += [f"## {found['bench']}", "", "| case | metric | ours | peer | | ratio | interval | bar | met |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        for r in found["rows"]:
            met = "yes" if r["ok"] else "**no**"
            lines.append(
                f"| {r['case']} | {r['metric']} | {r['ours']} | {r['peer']} | {r['peer_name']} | {r['ratio']} "
                f"| {r['low']}–{r['high']} | {r['bar']} | {met} |"
            )
        lines += ["", f"{found['seconds']} s. Versions: {found['versions']}. Settings: {found['settings']}.", ""]
    return "\n".join(lines)
