"""One decision out of the log of this node."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from recsys.errors import DataError
from serving.receipts import sides
from serving.receipts.chain import Segment, decoded, header, lines, segments
from serving.receipts.records import FORMAT, Side

SLACK_SECONDS = 60.0  # between the making of a decision's id and its line


@dataclass(frozen=True, slots=True)
class Found:
    """A record, where it stands, and its side record; ``side`` is None where it has been erased."""

    record: dict[str, Any]
    segment: Segment
    side: Side | None


def find(folder: Path, decision_id: str) -> Found | None:
    """The record of a decision; None where this node has none. DataError where it is of a newer format."""
    ordered = [*_likely(folder, decision_id)]
    rest = [segment for segment in segments(folder) if segment not in ordered]
    needle = decision_id.encode()
    for segment in (*ordered, *rest):
        for line in lines(segment):
            if needle in line and (record := decoded(line, segment)).get("id") == decision_id:
                if record["v"] > FORMAT:
                    raise DataError(f"Decision {decision_id} has format {record['v']}; update recsys to read it.")
                return Found(record, segment, sides.find(segment.side, decision_id))
    return None


def _likely(folder: Path, decision_id: str) -> Iterator[Segment]:
    """The segments that were written when the id was made, which begins with its time in ms."""
    try:
        at = int(decision_id[:12], 16) / 1e3
    except ValueError:
        return
    for _, own in groupby(segments(folder), key=lambda one: one.chain):
        chain = list(own)
        opened = [header(segment)["opened"] for segment in chain]
        for segment, begin, end in zip(chain, opened, [*opened[1:], float("inf")], strict=True):
            if begin - SLACK_SECONDS <= at <= end + SLACK_SECONDS:
                yield segment
