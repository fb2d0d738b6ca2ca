"""The newest decisions of the log, for the reach of a campaign."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from serving.receipts.chain import CLOSED, OPEN

MOST = 50_000
_decode = msgspec.json.Decoder().decode


def recent_lists(folder: Path, most: int = MOST) -> tuple[dict[str, Any], ...]:
    """At most ``most`` decisions, from the newest segments; a line that is not whole is passed over."""
    found: list[dict[str, Any]] = []
    segments = [path for path in folder.glob("*") if path.name.endswith((OPEN, CLOSED))] if folder.is_dir() else []
    for path in sorted(segments, key=lambda path: path.stat().st_mtime, reverse=True):
        for line in _lines(path):
            try:
                decision = _decode(line)
            except msgspec.DecodeError:
                continue
            if "viewer" in decision and "at" in decision:
                found.append(decision)
            if len(found) >= most:
                return tuple(found)
    return tuple(found)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if path.name.endswith(CLOSED):
                with zstandard.ZstdDecompressor().stream_reader(file) as reader:
                    yield from io.BufferedReader(reader)
            else:
                yield from file
    except (OSError, zstandard.ZstdError):  # a segment that is rotated away meanwhile
        return
