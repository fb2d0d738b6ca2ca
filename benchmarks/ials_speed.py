"""Time to quality of implicit ALS at 128 factors: ours against implicit and irspack, alternated, on two threads."""

import time
from typing import Any

import numpy as np

from benchmarks import specs
from benchmarks.contest import THREADS
from benchmarks.factorisers import Curve, Fit, Measure, Settings, implicit, irspack, ours
from benchmarks.form import Options, result, row
from benchmarks.logs import folder, held_slice, published, quick_users, read, sample
from benchmarks.ratios import over_rounds, reached
from benchmarks.tuning import Journal, Log, Space, Tried, draws, journal
from recsys.dataset.data import Dataset
from recsys.metrics import Interval

BARS = "time to 99.8 % of the best validation ndcg@20 of either solver, f=128: ≥ 3× implicit, ≥ 1.5× irspack"
BENCH = "ials_speed"
CASES = ("gowalla", "ml-1m")
BAR = {"implicit": 3.0, "irspack": 1.5}
CLOSE = 0.998
ROUNDS = 3
EPOCHS = 16
FACTORS = 128
SCOUT_FACTORS = 64
TRIALS = 24  # of a side: those at 64 factors, and the best FINALISTS of them again at 128
FINALISTS = 4
STEP = 4  # a trial is measured every so many epochs and judged by the best of them
QUERIES = 5_000  # of the slice, at most
FIT: dict[str, Fit] = {"ours": ours, "implicit": implicit, "irspack": irspack}
SIZE = {"ours": "factors", "implicit": "factors", "irspack": "n_components"}
SOLVERS: dict[str, tuple[dict[str, Any], ...]] = {  # of one loss, so that settings of one serve the other
    "ours": ({},),
    "implicit": ({"use_cg": True}, {"use_cg": False}),
    "irspack": ({"solver_type": "CHOLESKY"}, {"solver_type": "IALSPP"}),
}
SCOUT: dict[str, dict[str, Any]] = {"ours": {}, "implicit": {"use_cg": True}, "irspack": {"solver_type": "IALSPP"}}
SPACES: dict[str, Space] = {
    "ours": {"unobserved": Log(0.003, 1.0), "reg": Log(5e-4, 0.05)},
    "implicit": {"alpha": Log(3.0, 100.0), "regularization": Log(3.0, 1000.0)},
    "irspack": {"alpha0": Log(0.003, 1.0), "reg": Log(5e-4, 0.05)},
}


def tune(options: Options) -> None:
    """The same number of trials for every side, at 64 factors and then at 128."""
    for case in _asked(options):
        arena = _arena(case, options)
        table: dict[str, Any] = {}
        for side in FIT:
            tried = _search(side, case, arena, options)
            best = max(tried, key=lambda one: one.validation)
            table[side] = {**vars(best), "seconds of all trials": round(sum(one.seconds for one in tried), 1)}
        table["budget"] = {
            "trials": TRIALS,
            f"of them at {FACTORS} factors": FINALISTS,
            "epochs": EPOCHS,
            "threads": THREADS,
        }
        print(f"written: {specs.save(BENCH, case, table, options)}")


def run(options: Options) -> dict[str, Any]:
    """Each log, or the one asked for."""
    begin = time.perf_counter()
    rows: list[dict[str, Any]] = []
    details = {}
    for case in _asked(options):
        lines, details[case] = _case(case, options)
        rows += lines
    settings = {"factors": FACTORS, "threads": THREADS, "rounds": ROUNDS, "epochs": EPOCHS, "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _asked(options: Options) -> tuple[str, ...]:
    return CASES if options.case is None else (options.case,)


def _arena(case: str, options: Options) -> tuple[Dataset, Measure]:
    """Train without a tenth of each user's items, and the measure on that tenth."""
    users = quick_users(options)
    if case == "gowalla":
        whole, _ = published(folder(options, "gowalla-lightgcn"), users=users)
    else:
        whole = read(folder(options, case), users=users)
    data, holdout = held_slice(whole)
    return data, Measure(sample(holdout, QUERIES), data.n_items)


def _epochs(options: Options) -> int:
    return STEP if options.quick else EPOCHS


def _search(side: str, case: str, arena: tuple[Dataset, Measure], options: Options) -> list[Tried]:
    book = journal(BENCH, case, side, quick=options.quick)
    trials, finalists = (2, 1) if options.quick else (TRIALS - FINALISTS, FINALISTS)
    small, large = (8, 16) if options.quick else (SCOUT_FACTORS, FACTORS)

    def tried(settings: Settings, factors: int) -> Tried:
        return _trial(side, {**settings, SIZE[side]: factors}, arena, book, _epochs(options))

    scouts = [tried(settings, small) for settings in draws(SPACES[side], trials)]
    best = sorted(scouts, key=lambda one: -one.validation)[:finalists]
    return [tried(one.settings, large) for one in best]


def _trial(side: str, settings: dict[str, Any], arena: tuple[Dataset, Measure], book: Journal, epochs: int) -> Tried:
    data, measure = arena

    def score() -> tuple[dict[str, Any], float]:
        curve = Curve(measure, STEP)
        FIT[side](data, {**SCOUT[side], **settings}, epochs, curve)
        return settings, curve.best

    tried = book.once(settings, score)
    print(f"{side:8} {settings}: ndcg@20 {tried.validation:.5f}, {tried.seconds:.0f} s", flush=True)
    return tried


def _case(case: str, options: Options) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    table = specs.load(BENCH, case, options)
    arena = _arena(case, options)
    curves = {side: _curves(side, table[side]["settings"], arena, _epochs(options)) for side in FIT}
    mine, settings = curves["ours"][0], table["ours"]["settings"]
    details: dict[str, Any] = {"ours": _told("ours", curves["ours"], settings), "budget": table["budget"]}
    rows = []
    for side in BAR:
        told = details[side] = _told(side, curves[side], table[side]["settings"])
        place = _hardest(mine, curves[side])
        target = CLOSE * curves[side][place].best
        own, at = reached(mine.points, target), reached(curves[side][place].points, target) or 1
        solver = SOLVERS[side][place]
        told |= {"against": solver, "target": round(target, 5), "epochs": at, "epochs of ours": own}
        if own is None:  # a ratio of zero says that ours never came so far
            never = _row(case, side, ([mine.points[-1].seconds], [0.0]))
            rows.append(never | {"peer": round(curves[side][place].points[at - 1].seconds, 5)})
            continue
        times = _rounds(arena[0], ("ours", settings, own), (side, {**table[side]["settings"], **solver}, at))
        told |= {"seconds of ours": times[0], "seconds": times[1]}
        rows.append(_row(case, side, times))
    return rows, details


def _curves(side: str, settings: Settings, arena: tuple[Dataset, Measure], epochs: int) -> list[Curve]:
    """NDCG after every epoch, by each solver of a side."""
    data, measure = arena
    curves = []
    for solver in SOLVERS[side]:
        curve = Curve(measure)
        FIT[side](data, {**settings, **solver}, epochs, curve)
        print(f"{side} {solver}: best {curve.best:.5f}, {curve.points[-1].seconds:.1f} s of training", flush=True)
        curves.append(curve)
    return curves


def _hardest(mine: Curve, theirs: list[Curve]) -> int:
    """The solver against which ours does worst: each sets its own target and is timed to it."""
    ratios = []
    for curve in theirs:
        target = CLOSE * curve.best
        own, at = reached(mine.points, target), reached(curve.points, target)
        peer = curve.points[(at or 1) - 1].seconds
        ratios.append(0.0 if own is None else peer / mine.points[own - 1].seconds)
    return int(np.argmin(ratios))


def _rounds(data: Dataset, *sides: tuple[str, Settings, int]) -> tuple[list[float], list[float]]:
    """Seconds of ours and of the peer, turn by turn, for the epochs that each of them needs."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for taken, (side, settings, epochs) in zip(times, sides, strict=True):
            taken.append(round(FIT[side](data, settings, epochs), 3))
            print(f"{side} {epochs} epochs: {taken[-1]:.2f} s", flush=True)
    return times


def _row(case: str, side: str, times: tuple[list[float], list[float]]) -> dict[str, Any]:
    paired: Interval = over_rounds(*times)
    ours, peer = (float(np.median(taken)) for taken in times)
    metric, bar = "seconds to the peer's best ndcg@20 - 0.2 %", f">= {BAR[side]:g}"
    return row(case, metric, ours=ours, peer=peer, peer_name=side, paired=paired, bar=bar, ok=paired.ratio >= BAR[side])


def _told(side: str, curves: list[Curve], settings: Settings) -> dict[str, Any]:
    by_solver = [
        {**solver, "ndcg@20": [round(p.ndcg, 5) for p in c.points], "seconds": [round(p.seconds, 2) for p in c.points]}
        for solver, c in zip(SOLVERS[side], curves, strict=True)
    ]
    return {"settings": dict(settings), "curves": by_solver}
