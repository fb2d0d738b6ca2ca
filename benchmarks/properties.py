"""The property tests of safety, overrides, quotas and the pacing of guarantees, with 10,000 examples each.

An example is made of drawn bytes (``tests/support/drawn.py``), so that nearly all of the time goes into what is tested.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.form import Options, result, row
from recsys.errors import FitError
from recsys.metrics import Interval

BARS = "order of conflicts, the invariant, quotas, caps and pacing hold in 10,000 examples of each property"
BENCH = "properties"
EXAMPLES = 10_000
ROOT = Path(__file__).parent.parent
FILES = ("tests/property/test_overrides_and_gate.py", "tests/property/test_campaigns.py")
CASES = ("gate", "campaigns")


def run(options: Options) -> dict[str, Any]:
    """Each file in a process of its own; a row says how many properties held."""
    begin = time.perf_counter()
    examples = 100 if options.quick else EXAMPLES
    rows, details = [], {}
    for case, file in zip(CASES, FILES, strict=True):
        if options.case in (None, case):
            held, broken, details[case] = _held(ROOT / file, examples)
            rows.append(_row(case, held, broken, examples))
    settings = {"examples": examples, "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _row(case: str, held: int, broken: int, examples: int) -> dict[str, Any]:
    share = held / (held + broken)
    return row(
        case,
        "properties that hold",
        ours=held,
        peer=held + broken,
        peer_name="all of them",
        paired=Interval(share, share, share),
        bar=f"all, {EXAMPLES:,} examples each",
        ok=broken == 0 and examples >= EXAMPLES,
    )


def _held(file: Path, examples: int) -> tuple[int, int, str]:
    """How many tests passed and failed, and the last line that says so. FitError where none ran."""
    env = {**os.environ, "RECSYS_EXAMPLES": str(examples)}
    command = [sys.executable, "-m", "pytest", str(file), "-p", "no:cacheprovider", "--timeout=0"]
    told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False).stdout
    last = told.strip().splitlines()[-1] if told.strip() else "nothing was printed"
    passed, failed = (sum(map(int, re.findall(rf"(\d+) {word}", last))) for word in ("passed", "(?:failed|error)"))
    if not passed + failed:
        raise FitError(f"No property of {file.name} ran: {last}")
    return passed, failed, last
