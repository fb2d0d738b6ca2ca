"""Chained lines in segment files: each line holds the hash of itself and of the one before.

A chain is one worker's place at one node, ``NODE-0``, ``NODE-1``, …: a worker that starts takes the first free one and
goes on where its last line stands. Its segments are numbered from 1 without gaps, and each begins with a header that
holds the last hash of the segment before.
"""

import base64
import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from recsys.errors import DataError

OPEN, CLOSED, SIDE = ".jsonl", ".jsonl.zst", ".side"
TAIL_BYTES = 1_000_000
_NAME = re.compile(r"([0-9a-f]{8}-\d+)\.(\d{8})\.jsonl(\.zst)?")
_MARK = b',"h":"'
_HASH = re.compile(rb'[A-Za-z0-9_-]{43}"}')


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of a chain."""

    chain: str
    number: int
    path: Path

    @property
    def side(self) -> Path:
        """Where the side records of its decisions lie."""
        return self.path.with_name(f"{self.chain}.{self.number:08d}{SIDE}")


def path_of(folder: Path, chain: str, number: int) -> Path:
    """The file of a segment that is being written."""
    return folder / f"{chain}.{number:08d}{OPEN}"


def node_of(folder: Path) -> str:
    """The name of this installation in its decision log, drawn once."""
    file = folder / "node"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"node.{os.getpid()}.part")
        draft.write_text(secrets.token_hex(4))
        try:
            os.link(draft, file)  # of two workers that start at once one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()


def segments(folder: Path) -> list[Segment]:
    """Every segment, by chain and number; of one that is just being compressed the open file counts."""
    found: dict[tuple[str, int], Segment] = {}
    for path in sorted(folder.glob("*.jsonl*"), reverse=True):
        match = _NAME.fullmatch(path.name)
        if match:
            found[match[1], int(match[2])] = Segment(match[1], int(match[2]), path)
    return sorted(found.values())


def linked(previous: str, body: bytes) -> tuple[bytes, str]:
    """A JSON object as a line of the chain after the hash ``previous``, and the new hash."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(previous.encode() + body).digest())[:43]
    return body[:-1] + _MARK + digest + b'"}', digest.decode()


def unlinked(line: bytes) -> tuple[bytes, str]:
    """The JSON object of a line and its hash; DataError where it is no line of a chain."""
    body, mark, rest = line.rpartition(_MARK)
    if not mark or not _HASH.fullmatch(rest):
        raise DataError("This line is no record of a decision log.")
    return body + b"}", rest[:43].decode()


def lines(segment: Segment) -> Iterator[bytes]:
    """The lines of a segment, header first; a last one that a kill cut off is left out."""
    try:
        with segment.path.open("rb") as raw:
            closed = segment.path.name.endswith(CLOSED)
            source = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw)) if closed else raw
            for line in source:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except zstandard.ZstdError as error:
        raise DataError(f"{segment.path.name} cannot be unpacked: {error}.") from None


def records(segment: Segment) -> Iterator[dict[str, Any]]:
    """The decisions of a segment, unverified."""
    for line in lines(segment):
        found = decoded(line, segment)
        if "id" in found:
            yield found


def header(segment: Segment) -> dict[str, Any]:
    """The first line of a segment."""
    return decoded(next(lines(segment), b""), segment)


def last(segment: Segment) -> dict[str, Any]:
    """The last whole line of a segment."""
    if segment.path.name.endswith(CLOSED):
        line = b""
        for line in lines(segment):  # noqa: B007 - the last one is wanted
            pass
    else:
        with segment.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            line = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2]
    return decoded(line, segment)


def decoded(line: bytes, segment: Segment) -> dict[str, Any]:
    """A line's JSON object; DataError where it has no place in a chain."""
    try:
        found = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise DataError(f"{segment.path.name} holds a line that is no JSON: {error}.") from None
    if not isinstance(found, dict) or not {"v", "n", "h"} <= set(found):
        raise DataError(f"{segment.path.name} holds a line that is no record of a decision log.")
    return found
