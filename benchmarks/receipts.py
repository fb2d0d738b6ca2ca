"""What a receipt costs: on the request's thread, in the writer's, on the disk; and what verify and replay take."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.form import Options, result, row
from benchmarks.works import AT, write_works
from recsys.metrics import Interval

BARS = "a decision costs its request <= 50 µs; a record of 20 items has <= 1,000 bytes"
BAR_MICROSECONDS, BAR_BYTES = 50.0, 1_000.0
K, HISTORY = 20, 200


def run(options: Options) -> dict[str, Any]:
    """Answers for users with a full history are logged, verified, and one of them is replayed."""
    begin = time.perf_counter()
    count = 500 if options.quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        found = _measured(Path(folder), count)
    asked, size = found.pop("request_us"), found.pop("record_bytes")
    rows = [
        _row("request thread, µs, p99", float(np.quantile(asked, 0.99)), BAR_MICROSECONDS),
        _row("record of 20 items, bytes", size, BAR_BYTES),
    ]
    details = {"request_us_p50": round(float(np.median(asked)), 2), **found}
    settings = {"decisions": count, "k": K, "history": HISTORY, "cores": os.cpu_count(), "quick": options.quick}
    return result("receipts", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _measured(folder: Path, count: int) -> dict[str, Any]:
    from recsys.bundle import load_bundle
    from recsys.clock import fixed_clock
    from recsys.types import Viewer
    from serving import decisions as log_module
    from serving.asks import Ask
    from serving.current import Live
    from serving.engine import Engine
    from serving.receipts.find import find
    from serving.receipts.replay import replay
    from serving.receipts.verify import verify
    from serving.stores.control import ControlStore
    from serving.stores.state import Event, open_state

    clock, bundle = fixed_clock(AT), load_bundle(write_works(folder / "bundle", 5_000))
    control, state = ControlStore.open(folder / "control.db", clock), open_state(folder / "state.db")
    engine = Engine(Live(bundle, control, clock), control, state, clock)
    state.append([Event(f"e{n}", "reader", f"w{n * 7:05}", timestamp=AT - n) for n in range(HISTORY)])
    log_module.FLUSH_SECONDS = 1e6  # here it is flushed by hand, so that its thread's time can be taken
    log = log_module.DecisionLog(folder / "decisions", control.pseudonym)
    asked, written = np.zeros(count), 0.0
    for n in range(count):
        answers = engine.recommend([Ask(Viewer("feed", "DE", 30), K, user_id="reader")])
        start = time.perf_counter()
        log.write(answers)
        asked[n] = 1e6 * (time.perf_counter() - start)
        if n % 50 == 49:
            start = time.thread_time()
            log.flush()
            written += time.thread_time() - start
    log.close()
    decisions = folder / "decisions"
    lines = next(decisions.glob("*.jsonl")).read_bytes().splitlines()
    start = time.perf_counter()
    verified = verify(decisions, control)
    verifying = time.perf_counter() - start
    if verified.faults or verified.records != count:
        raise RuntimeError(f"the log does not hold: {verified}")
    found = find(decisions, answers[0].decision_id)
    assert found is not None
    start = time.perf_counter()
    again = replay(found, control, decisions, lambda version: bundle)
    return {
        "request_us": asked,
        "record_bytes": float(np.mean([len(line) for line in lines[1:]])),
        "side_bytes": round(sum(file.stat().st_size for file in decisions.glob("*.side")) / count),
        "writer_us_a_record": round(1e6 * written / count, 1),
        "verified_records_a_second": round(count / verifying),
        "replay_ms": round(1e3 * (time.perf_counter() - start), 1),
        "replay_identical": again.identical,
    }


def _row(metric: str, ours: float, bar: float) -> dict[str, Any]:
    ratio = bar / ours
    one = Interval(ratio, ratio, ratio)
    return row("log", metric, ours=ours, peer=bar, peer_name="the bar", paired=one, bar=f"<= {bar:g}", ok=ours <= bar)
