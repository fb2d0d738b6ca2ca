"""The property tests of safety, overrides, quotas and the pacing of guarantees, with 10,000 examples each.

An example is made of drawn bytes (``tests/support/drawn.py``), so that nearly all of the time goes into what is tested.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.form import Options, result, row
from recsys.errors import FitError
from recsys.metrics import Interval

BARS = "order of conflicts, the invariant, quotas, caps and pacing hold in 10,000 examples of each property"
BENCH = "properties"
EXAMPLES = 10_000
ROOT = Path(__file__).parent.parent
PROPERTIES = Path("tests") / "property"
CASES = {"gate": ("test_gate.py", "test_overrides.py"), "campaigns": ("test_campaigns.py",)}


def run(options: Options) -> dict[str, Any]:
    """Each case in a process of its own; a row says how many properties held."""
    begin = time.perf_counter()
    examples = 100 if options.quick else EXAMPLES
    rows, details = [], {}
    for case, files in CASES.items():
        if options.case in (None, case):
            held, broken, details[case] = _held(files, examples)
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


def _held(files: Sequence[str], examples: int) -> tuple[int, int, str]:
    """How many tests passed and failed, and the last line that says so. FitError where none ran."""
    env = {**os.environ, "RECSYS_EXAMPLES": str(examples)}
    paths = [str(PROPERTIES / file) for file in files]
    command = [sys.executable, "-m", "pytest", *paths, "-p", "no:cacheprovider", "--timeout=0"]
    told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False).stdout
    last = told.strip().splitlines()[-1] if told.strip() else "nothing was printed"
    passed, failed = (sum(map(int, re.findall(rf"(\d+) {word}", last))) for word in ("passed", "(?:failed|error)"))
    if not passed + failed:
        raise FitError(f"No property of {' and '.join(files)} ran: {last}")
    return passed, failed, last
