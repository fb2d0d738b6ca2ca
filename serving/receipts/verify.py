"""Whether the decision log is what was written: every hash, every place, every anchor."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import zstandard

from recsys.errors import DataError
from serving.receipts.chain import Segment, decoded, lines, linked, node_of, segments, unlinked
from serving.receipts.records import Side
from serving.receipts.sides import ONE
from serving.stores.audit import AuditLog
from serving.stores.sqlite import Readers

ANCHOR, REMOVED = "decisions.anchor", "decisions.removed"
Anchors = Mapping[str, Mapping[int, str]]  # chain → place → hash


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain does not hold: the file, the record's place in the chain, and what is wrong."""

    file: str
    record: int | None
    what: str

    def __str__(self) -> str:
        place = "" if self.record is None else f", record {self.record}"
        return f"{self.file}{place}: {self.what}."


@dataclass(slots=True)
class Verified:
    """What was looked at, and the first fault of each chain."""

    chains: int = 0
    segments: int = 0
    records: int = 0
    sides: int = 0  # side records that are there; the others were erased
    anchors: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True)
class _Walk:
    """How far one chain has been followed."""

    n: int
    head: str
    number: int
    hashes: set[str] = field(default_factory=set)  # of record n and of the headers behind it


def verify(folder: Path, audit: AuditLog) -> Verified:
    """Read the whole log of a node and compare it with itself, its side records and the anchors in the audit log."""
    node = node_of(folder)
    anchors, gone = _anchors(audit, node), _removed(audit, node)
    result = Verified()
    chains = {name: list(found) for name, found in groupby(segments(folder), key=lambda one: one.chain)}
    for chain in sorted({*chains, *anchors}):
        result.chains += 1
        try:
            _follow(chain, chains.get(chain, []), anchors.get(chain, {}), gone.get(chain), result)
        except _Found as found:
            result.faults.append(found.fault)
    return result


class _Found(Exception):
    def __init__(self, file: str, record: int | None, what: str) -> None:
        super().__init__(what)
        self.fault = Fault(file, record, what)


def _follow(
    chain: str, own: Sequence[Segment], anchors: Mapping[int, str], gone: Mapping[str, Any] | None, result: Verified
) -> None:
    walk = _Walk(0, "", 0) if gone is None else _Walk(gone["n"], gone["head"], gone["segment"])
    kept = {place: head for place, head in anchors.items() if place > walk.n}
    for segment in own:
        if segment.number <= walk.number:
            continue  # its removal was noted and then interrupted
        if segment.number != walk.number + 1:
            raise _Found(segment.path.name, None, f"segment {walk.number + 1} of the chain is missing before it")
        try:
            _read(segment, walk, kept, result)
        except DataError as error:
            raise _Found(segment.path.name, walk.n + 1, str(error).rstrip(".")) from None
        result.segments += 1
    if own:
        _anchored(own[-1], walk, kept)
    beyond = [place for place in kept if place > walk.n]
    if beyond:
        file = own[-1].path.name if own else chain
        raise _Found(file, walk.n + 1, f"the audit log has an anchor at record {max(beyond)}, but the chain ends here")
    result.anchors += len(kept)


def _read(segment: Segment, walk: _Walk, anchors: Mapping[int, str], result: Verified) -> None:
    readers = Readers(segment.side) if segment.side.exists() else None
    try:
        _read_lines(segment, walk, anchors, result, readers)
    finally:
        if readers is not None:
            readers.close()
    walk.number = segment.number


def _read_lines(
    segment: Segment, walk: _Walk, anchors: Mapping[int, str], result: Verified, readers: Readers | None
) -> None:
    first = True
    for line in lines(segment):
        body, digest = unlinked(line)
        found = decoded(line, segment)
        _compare(segment, walk, found, body, digest, first=first)
        if not first:
            _anchored(segment, walk, anchors)
            walk.n, walk.hashes = walk.n + 1, set()
            result.records += 1
            for row in () if readers is None else readers.rows(ONE, (found["id"],)):
                result.sides += 1
                if not _whole(Side(*row), found):
                    raise _Found(segment.side.name, walk.n, "the side record is not the one that was written")
        walk.head = digest
        walk.hashes.add(digest)
        first = False
    if first:
        raise _Found(segment.path.name, None, "the segment has no header")


def _anchored(segment: Segment, walk: _Walk, anchors: Mapping[int, str]) -> None:
    if walk.n in anchors and anchors[walk.n] not in walk.hashes:
        raise _Found(segment.path.name, walk.n, "the anchor in the audit log has another hash")


def _compare(segment: Segment, walk: _Walk, found: Mapping[str, Any], body: bytes, digest: str, *, first: bool) -> None:
    place = walk.n if first else walk.n + 1
    if first and (found.get("previous") != walk.head or found.get("segment") != segment.number):
        raise _Found(segment.path.name, place, "its header does not follow the segment before")
    if linked(walk.head, body)[1] != digest:
        raise _Found(segment.path.name, place, "the record was altered, or one before it was taken out or put in")
    if found["n"] != place:
        raise _Found(segment.path.name, place, f"the record says that it is number {found['n']}")


def _whole(beside: Side, record: Mapping[str, Any]) -> bool:
    try:
        return bool(beside.seal == record["side"])
    except zstandard.ZstdError:
        return False


def _anchors(audit: AuditLog, node: str) -> Anchors:
    found: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for note in audit.notes(ANCHOR, node):
        for chain, at in note.after["chains"].items():
            found[chain][at["n"]] = at["head"]
    return found


def _removed(audit: AuditLog, node: str) -> dict[str, Mapping[str, Any]]:
    """The last segment of each chain whose removal was noted."""
    gone: dict[str, Mapping[str, Any]] = {}
    for note in audit.notes(REMOVED, node):
        for removed in note.after["segments"]:
            known = gone.get(removed["chain"])
            if known is None or removed["segment"] > known["segment"]:
                gone[removed["chain"]] = removed
    return gone
