"""How much of a bundle's arrays several workers hold together, against one."""

import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.serving_cases import Case
from benchmarks.serving_runs import product

WORKERS = 4


def shared_memory(case: Case) -> dict[str, float]:
    """MB of the bundle's mapped files in one worker and in four, in proportion to who shares a page, and all memory."""
    told: dict[str, float] = {}
    for workers in (1, WORKERS):
        with product(case, workers=workers) as server:
            for _ in range(2 * workers):  # whichever worker takes a connection maps what it needs
                server.load("/v1/recommend", 1.0)
            time.sleep(0.5)
            mapped, whole = _pss(case.var)
        told[f"arrays, {workers}"], told[f"all memory, {workers}"] = mapped, whole
    told["ratio of arrays"] = round(told[f"arrays, {WORKERS}"] / told["arrays, 1"], 3)
    return told


def _pss(var: Path) -> tuple[float, float]:
    """MB of the worker processes that map files under ``var``: of those files, and in all."""
    mapped = whole = 0.0
    for process in psutil.process_iter():
        try:
            maps = [part for part in process.memory_maps() if part.path.startswith(f"{var}/") and part.path[-4:] == ".npy"]
            if maps:
                mapped += sum(part.pss for part in maps)
                whole += process.memory_full_info().pss
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return round(mapped / 1e6, 1), round(whole / 1e6, 1)
