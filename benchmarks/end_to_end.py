"""`recsys train` on MovieLens 1M, from an ingested log to a published bundle: wall time, memory, each stage."""

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.form import Options, result, row
from benchmarks.logs import folder
from benchmarks.product import ingested
from benchmarks.tuning import VAR
from recsys.errors import FitError
from recsys.metrics import Interval

BARS = "recsys train, default spec, ml-1m: ≤ 15 min, ≤ 6 GB on 2 cores"
BENCH = CASE = "end_to_end"
LOG = "ml-1m"
MINUTES, GIGABYTES = 15.0, 6.0
EVERY = 0.1  # s between two looks at the memory
DATA, REST = "data", "refit and publish"


@dataclass(frozen=True)
class Stage:
    """A run of the tracker: when it began and ended, s since 1970."""

    name: str
    begin: float
    end: float


def run(options: Options) -> dict[str, Any]:
    """One training, and where its time went."""
    begin = time.perf_counter()
    lake = ingested(folder(options, LOG), options)
    spec = "fast" if options.quick and options.spec == "default" else options.spec
    var = (VAR / "end_to_end").absolute()
    shutil.rmtree(var, ignore_errors=True)
    command = [sys.executable, "-m", "training.cli", "train", "--lake", str(lake), "--spec", spec, "--var", str(var)]
    start = time.time()
    peak = peak_bytes(command)
    end = time.time()
    seconds, gigabytes = end - start, peak / 1e9
    parts = stages(_tracked(var), start, end)
    rows = [_row("wall time, min", seconds / 60, MINUTES), _row("peak memory, GB", gigabytes, GIGABYTES)]
    details = {"seconds": parts, "share": {name: round(value / seconds, 3) for name, value in parts.items()}}
    settings = {"data": LOG, "spec": spec, "cores": os.cpu_count(), "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def peak_bytes(command: list[str]) -> int:
    """Run a command and tell the largest resident memory of it and its children together; FitError where it fails."""
    import psutil  # type: ignore[import-untyped]

    process = subprocess.Popen(
        command, env={name: v for name, v in os.environ.items() if not name.startswith("MLFLOW")}
    )
    peak = 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(EVERY):
            peak = max(peak, _resident(psutil, process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        code = process.wait()
    finally:
        ended.set()
        watcher.join()
    if code:
        raise FitError(f"{' '.join(command[1:4])} ended with code {code}; what it said stands above.")
    return peak


def stages(runs: list[Stage], start: float, end: float) -> dict[str, float]:
    """Seconds by stage: before the first section, each section, and behind the last; ``runs`` are those of sections."""
    ordered = sorted(runs, key=lambda one: one.begin)
    told = {DATA: ordered[0].begin - start, **{one.name: one.end - one.begin for one in ordered}}
    told[REST] = end - max(one.end for one in ordered)
    return {name: round(seconds, 1) for name, seconds in told.items()}


def _tracked(var: Path) -> list[Stage]:
    """The runs under the newest parent."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{var / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, filter_string="tags.`mlflow.parentRunId` LIKE '%'", max_results=1000)
    return [Stage(run.info.run_name, run.info.start_time / 1e3, run.info.end_time / 1e3) for run in runs]


def _resident(psutil: Any, pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it ended between two looks
    return total


def _row(metric: str, ours: float, bar: float) -> dict[str, Any]:
    ratio = bar / ours
    paired = Interval(ratio, ratio, ratio)  # one run
    return row(CASE, metric, ours=ours, peer=bar, peer_name="the bar", paired=paired, bar=f"<= {bar:g}", ok=ours <= bar)
