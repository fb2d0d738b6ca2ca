"""What has to be provable about safety, rights and editors, and the run of the proofs."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.errors import ConfigError

STATEMENTS: Mapping[str, str] = {
    "S05": "home, hot, selected, chart and pop-up are named surfaces with a stricter policy",
    "S06": "a takedown removes an item everywhere within 5 s, with evidence and a report event",
    "S07": "a synthetic item without a label is held; with one, ai_label is in the response",
    "S08": "no response or export drops a label or its provenance",
    "S11": "every position that the model did not give has an override id",
    "S13": "at most n items of one creator or topic, enforced after overrides",
    "S14": "a minor sees only the cleared pool within the age band; curfew and break signals are there",
    "S15": "age bands are data",
    "S16": "an unknown age on a strict surface sees what the youngest may see",
    "S19": "news without a whitelisted source licence is held",
    "S20": "a removal has a statement of reasons; an appeal is decided by another person",
    "S28": "a paid promotion carries label, sponsor and main parameters",
    "S29": "prominence quotas are met per slate and reported",
    "S30": "an audiovisual item without content descriptors counts as restricted",
    "S31": "ratings map to one minimum age per territory; the stricter holds; unrated is hidden where one is required",
    "S32": "outside [start, end) by the territory's own clock an item never appears",
    "S33": "ONIX sales rights: 01 and 02 sell, 03 to 06 do not",
    "S34": "DDEX: territory and validity; a purge is a takedown",
    "S35": "schema.org and Dublin Core come from the same record",
    "S36": "before an embargo lifts, an item is nowhere",
    "S37": "safety fails closed, with 200 and safe backfill",
    "S38": "verdicts are a lattice, the most restrictive wins, and carry their grounds",
    "S39": "policy is per surface, as data",
    "S41": "four eyes, a mandatory end, an immutable audit, and a preview as a user that is audited",
}
PLUGIN_ROWS = ("proven", "turned red")


def gather(tests: Path | None = None) -> list[dict[str, Any]]:
    """Run every proof, once as it is and once under its mutation: a row each, and one for a statement without any.

    ConfigError where the proofs are not there: they are part of the source tree, not of the installed package.
    """
    tests = tests or Path(__file__).parent.parent / "tests" / "evidence"
    if not tests.is_dir():
        raise ConfigError(f"There are no proofs in {tests}; run this in the source tree, with the extra recsys[dev].")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "evidence.json"
        command = [sys.executable, "-m", "pytest", str(tests), "--evidence", str(file), "-p", "no:cacheprovider"]
        run = subprocess.run(command, cwd=tests.parent.parent, capture_output=True, text=True, check=False)  # noqa: S603
        if not file.is_file():
            raise ConfigError(f"The proofs did not run: {(run.stdout + run.stderr).strip()[-500:]}")
        found = json.loads(file.read_text())
    rows = [_row(proof) for proof in found]
    proven = {row["id"] for row in rows}
    rows += [
        {"id": name, "test": None, "mutation": None, "result": "fail"} for name in STATEMENTS if name not in proven
    ]
    return sorted(rows, key=lambda row: (row["id"], row["test"] or ""))


def _row(proof: dict[str, Any]) -> dict[str, Any]:
    fine = all(proof[part] for part in PLUGIN_ROWS)
    return {name: proof[name] for name in ("id", "test", "mutation")} | {"result": "pass" if fine else "fail"}
