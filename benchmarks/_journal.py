"""A journal of worlds that were played: a line of JSON each, behind a first line that says of what it is."""

import hashlib
import json
from pathlib import Path
from typing import Any

from recsys.errors import DataError

ROOT = Path(__file__).parent.parent


class Journal:
    """Without a path nothing is kept. DataError where the file is of other settings or of another source tree."""

    def __init__(self, path: Path | None, head: dict[str, Any]) -> None:
        self._path = path
        self.lines: list[dict[str, Any]] = []
        if path is None:
            return
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(head) + "\n", encoding="utf-8")
            return
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a line that was cut off is played again
        first, *rest = map(json.loads, whole.splitlines() or ["{}"])
        if first != head:
            raise DataError(f"{path} is of another run ({first}, now {head}); name another file, or remove it.")
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        self.lines = rest

    @property
    def seeds(self) -> set[int]:
        """The worlds that were played already."""
        return {line["seed"] for line in self.lines}

    def write(self, line: dict[str, Any]) -> None:
        """One world more; it is on the disk when this returns."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def tree() -> str:
    """A digest of all source: what was played on other code says nothing of this one."""
    found = hashlib.sha256()
    for folder in ("recsys", "serving", "benchmarks"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if folder != "benchmarks" or file.parent.name in ("oracle", "worlds"):
                found.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]
