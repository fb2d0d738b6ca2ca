"""How much of a bundle's arrays several workers hold together, against one."""

import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.serving_cases import Case
from benchmarks.serving_runs import OURS, WAIT_SECONDS, product
from recsys.errors import FitError

WORKERS = 4


def shared_memory(case: Case) -> dict[str, float]:
    """MB of the bundle's mapped files in one worker and in four, in proportion to who shares a page, and all memory."""
    told: dict[str, float] = {}
    for workers in (1, WORKERS):
        with product(case, workers=workers) as server:
            _await_workers(case.var, workers)
            for _ in range(2 * workers):  # whichever worker takes a connection reads what it needs
                server.load(OURS, 1.0)
            maps = [found for process in psutil.process_iter() if (found := _pss(process, case.var)) is not None]
        told[f"arrays, {workers}"] = round(sum(mapped for mapped, _ in maps), 1)
        told[f"all memory, {workers}"] = round(sum(whole for _, whole in maps), 1)
    told["ratio of arrays"] = round(told[f"arrays, {WORKERS}"] / told["arrays, 1"], 3)
    return told


def _await_workers(var: Path, workers: int) -> None:
    """The first worker answers while the others still load."""
    end = time.monotonic() + WAIT_SECONDS
    while sum(_pss(process, var) is not None for process in psutil.process_iter()) < workers:
        if time.monotonic() > end:
            raise FitError(
                f"Not all of {workers} workers were there after {WAIT_SECONDS} s; the server's log says why."
            )
        time.sleep(0.5)


def _pss(process: Any, var: Path) -> tuple[float, float] | None:
    """MB of a process: of the arrays under ``var`` that it maps, and in all; None where it maps none."""
    try:
        maps = [m for m in process.memory_maps() if m.path.startswith(f"{var}/") and m.path.endswith(".npy")]
        return (sum(m.pss for m in maps) / 1e6, process.memory_full_info().pss / 1e6) if maps else None
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return None
