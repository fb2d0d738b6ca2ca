"""kill -9 in the middle of an ingest: every table is there whole or not at all, and a rerun completes exactly once."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.lake import Lake, ingest

EVENTS, ITEMS, BAD = 120_000, 20_000, 1_000
WHOLE = {"quarantine": BAD, "items": ITEMS, "events": EVENTS - BAD}
CHILD = """
import sys
from pathlib import Path
from recsys.lake import Lake, ingest
print("ready", flush=True)
folder = Path(sys.argv[1])
ingest(Lake(sys.argv[2]), events=folder / "events.parquet", items=folder / "items.parquet")
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    events = {
        "user_id": [f"u{n % 500}" for n in range(EVENTS)],
        "item_id": [None if n < BAD else f"i{n % ITEMS}" for n in range(EVENTS)],
        "value": [float(n % 5) for n in range(EVENTS)],
    }
    pq.write_table(pa.table(events), folder / "events.parquet", row_group_size=10_000)
    items = {"item_id": [f"i{n}" for n in range(ITEMS)], "title": [f"Title {n}" for n in range(ITEMS)]}
    pq.write_table(pa.table(items), folder / "items.parquet")
    return folder


def start(files: Path, lake: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen([sys.executable, "-c", CHILD, files, lake], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def kill(child: "subprocess.Popen[str]") -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)


def counts(lake: Lake) -> dict[str, int]:
    return {name: lake.read(name).num_rows for name in lake.versions()}


def wait_for(condition: Callable[[], bool], child: "subprocess.Popen[str]") -> None:
    while not condition() and child.poll() is None:
        time.sleep(0.001)


@pytest.fixture(scope="module")
def seconds(files: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long an ingest takes that nobody kills."""
    child = start(files, tmp_path_factory.mktemp("undisturbed"))
    begin = time.monotonic()
    assert child.communicate(timeout=120)[0] == "done\n"
    return time.monotonic() - begin


def test_a_kill_at_any_moment_leaves_whole_tables_and_a_rerun_completes_them(
    files: Path, seconds: float, tmp_path: Path
) -> None:
    dice = random.Random()  # other moments in every run of the suite
    cut_short = number = 0
    while cut_short < 5:
        moment = seconds * dice.uniform(0.05 + 0.18 * cut_short, 0.23 + 0.18 * cut_short)
        root, number = tmp_path / f"lake {number}", number + 1
        child = start(files, root)
        time.sleep(moment)
        if child.poll() is None:
            cut_short += 1
        else:  # the machine is less busy than it was
            seconds = 0.8 * moment
        kill(child)
        left = counts(Lake(root))
        assert left.items() <= WHOLE.items(), f"killed after {moment:.3f} s"
        ingest(Lake(root), events=files / "events.parquet", items=files / "items.parquet")
        assert counts(Lake(root)) == WHOLE, f"killed after {moment:.3f} s"


@pytest.mark.parametrize("table", ["quarantine", "items", "events"])
def test_a_kill_while_a_table_is_written_leaves_it_absent_or_whole(files: Path, tmp_path: Path, table: str) -> None:
    child = start(files, tmp_path)
    wait_for(lambda: any((tmp_path / table).glob("*.parquet")), child)
    kill(child)
    assert {path.name for path in tmp_path.iterdir()} <= {".lock", *WHOLE}
    assert counts(Lake(tmp_path)).items() <= WHOLE.items()
    ingest(Lake(tmp_path), events=files / "events.parquet", items=files / "items.parquet")
    assert counts(Lake(tmp_path)) == WHOLE
