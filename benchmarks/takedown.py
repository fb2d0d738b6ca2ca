"""From a takedown to the last list that showed the work, on two replicas in processes of their own."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.form import Options, result, row
from benchmarks.works import write_works
from recsys.errors import ConfigError
from recsys.metrics import Interval

BARS = "a takedown is out of every list of every replica within 5 s, embedded and on PostgreSQL"
CASES = ("embedded", "postgresql")
POSTGRES = os.environ.get("RECSYS_BENCH_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
BAR_SECONDS, REPLICAS, ITEMS = 5.0, 2, 2_000


def run(options: Options) -> dict[str, Any]:
    """Takedowns one after the other, while both replicas make lists of the whole catalogue without a pause."""
    begin = time.perf_counter()
    orders = 10 if options.quick else 60
    rows, details = [], {}
    for case in CASES if options.case is None else (options.case,):
        seconds = _measured(case, orders)  # (orders, replicas)
        details[case] = {name: round(float(np.quantile(seconds, q)), 4) for name, q in (("p50", 0.5), ("p99", 0.99))}
        worst = float(seconds.max())
        ratio = BAR_SECONDS / max(worst, 1e-3)
        one = Interval(ratio, ratio, ratio)
        bar, ok = f"<= {BAR_SECONDS:g}", worst <= BAR_SECONDS
        rows.append(
            row(case, "longest s", ours=worst, peer=BAR_SECONDS, peer_name="the bar", paired=one, bar=bar, ok=ok)
        )
    settings = {"orders": orders, "replicas": REPLICAS, "items": ITEMS, "cores": os.cpu_count(), "quick": options.quick}
    return result("takedown", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _measured(case: str, orders: int) -> np.ndarray[Any, Any]:
    from serving.stores.control import ControlStore

    with tempfile.TemporaryDirectory() as place, _store(case, Path(place)) as location:
        bundle = write_works(Path(place) / "bundle", ITEMS)
        control = ControlStore.open(location)
        replicas = [_started(bundle, location, Path(place) / f"{n}.db") for n in range(REPLICAS)]
        for replica in replicas:
            assert replica.stdout is not None
            assert replica.stdout.readline() == "ready\n"
        ordered = {}
        for n in range(orders):
            item = f"w{n:05}"
            control.take_down(item, reason="benchmark", actor="benchmark")
            ordered[item] = time.time()
            time.sleep(0.2)
        time.sleep(1.0)
        last = [json.loads(replica.communicate("stop\n", timeout=60)[0]) for replica in replicas]
        control.close()
    return np.array([[max(0.0, seen[item] - at) for seen in last] for item, at in ordered.items()])


@contextmanager
def _store(case: str, place: Path) -> Iterator[str]:
    if case == "embedded":
        yield str(place / "control.db")
        return
    import psycopg

    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        raise ConfigError(f"The case postgresql needs a server at RECSYS_BENCH_POSTGRES, {POSTGRES}: {error}") from None
    schema = f"bench_{uuid.uuid4().hex}"
    server.execute(f"CREATE SCHEMA {schema}")
    try:
        yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    finally:
        server.execute(f"DROP SCHEMA {schema} CASCADE")
        server.close()


def _started(bundle: Path, location: str, state: Path) -> "subprocess.Popen[str]":
    code = "from benchmarks.takedown import replica; replica()"
    command = [sys.executable, "-c", code, str(bundle), location, str(state)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def replica() -> None:
    """One replica: makes lists until its input says stop, then tells when each work was last in one (s UTC)."""
    from recsys.bundle import load_bundle
    from recsys.clock import system_clock
    from recsys.types import Viewer
    from serving.asks import Ask
    from serving.current import Live
    from serving.engine import Engine
    from serving.stores.control import ControlStore
    from serving.stores.state import open_state

    folder, location, state = sys.argv[1:]
    control = ControlStore.open(location)
    live = Live(load_bundle(Path(folder)), control, system_clock)
    engine = Engine(live, control, open_state(Path(state)), system_clock)
    asks = [Ask(Viewer(surface, age=30), 1_000) for surface in ("feed", "search")]
    engine.recommend(asks)
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    print("ready", flush=True)
    last: dict[str, float] = {}
    while not stop.is_set():
        answers = engine.recommend(asks)
        sent = time.time()
        for answer in answers:
            last |= dict.fromkeys(answer.view.ids.external(answer.slate.items), sent)
    print(json.dumps(last))
    sys.stdout.flush()
    os._exit(0)  # the waiting reader of the input need not end
