"""A decision as it is logged: the record, which names no user, and the side record, which can be erased.

A record is one JSON object on a line: its place ``n`` in the chain, the versions the list was made under, the shown
items with sources, overrides and propensities, a salted hash of the side record, and ``h``, the hash that covers the
line and the one before. Reasons, scores and verdicts are worked out again by replay; a digest of them is in the side
record, because it hangs on what was known of the user: beside a record that stays it would tell a right guess of that.
"""

import base64
import hashlib
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import zstandard

from serving.asks import Answer, Ask, Memory
from serving.receipts.counted import counted
from serving.stores.records import Controls
from serving.stores.state import History

FORMAT = 2  # of records and side records; a reader refuses what is newer. In 1 the record had the digest
SALT_BYTES = 16
LEVEL = 1  # of zstandard: a side record is written while requests run


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


@dataclass(frozen=True, slots=True)
class Side:
    """Whose decision it was and what was known of them. ``salt`` goes with it, so that the hash then tells nothing."""

    decision_id: str
    at: float  # s UTC
    user: str | None  # pseudonym
    salt: bytes
    packed: bytes  # zstandard of JSON

    @property
    def raw(self) -> bytes:
        """The JSON."""
        return zstandard.decompress(self.packed)

    @property
    def seal(self) -> str:
        """The salted hash of it that the chain holds."""
        return sealed(self.salt, self.raw)


def record(answer: Answer) -> dict[str, Any]:
    """The loggable part of a decision, below 1 kB at 20 items with short ids."""
    view, viewer, slate = answer.view, answer.ask.viewer, answer.slate
    placed = {place: override for place, override in enumerate(slate.overrides) if override is not None}
    explored: dict[str, Any] = {}
    if answer.propensities:
        short = [int(p) if p in (0.0, 1.0) else float(f"{p:.6g}") for p in answer.propensities]
        explored = {"seed": answer.ask.seed, "propensities": short}
    notices, counts = notices_told(answer), counted(answer.placed)
    return {
        "id": answer.decision_id,
        "at": answer.at,
        "viewer": [viewer.surface, viewer.territory, viewer.age, answer.personalised],
        "bundle": view.bundle.version,
        "policy": view.policy_id,
        "control": view.sequence,
        "overlay": len(view.overlay),
        **({"live": answer.counts} if answer.counts is not None else {}),
        "k": answer.ask.k,
        **_asked(answer),
        "items": view.ids.external(slate.items),
        "sources": _runs(slate.sources),
        **({"overrides": placed} if placed else {}),
        **({"notices": notices} if notices else {}),
        **({"counted": counts} if counts else {}),
        **({"degraded": list(answer.degraded)} if answer.degraded else {}),
        **explored,
    }


def _asked(answer: Answer) -> dict[str, Any]:
    """Filter, series and page, where the request was not for the plain first page."""
    ask = answer.ask
    page = None if ask.page_token is None else (answer.offset, hash_of(ask.page_token))
    told = {"filter": ask.filter, "series": ask.series if ask.series != "next" else None, "page": page}
    return {name: value for name, value in told.items() if value is not None}


def packing() -> Callable[[bytes], bytes]:
    """How side records are packed, for one thread: to set it up takes three times as long as to pack one."""
    return zstandard.ZstdCompressor(level=LEVEL).compress


def side(answer: Answer, user: str | None, pack: Callable[[bytes], bytes] | None = None) -> tuple[Side, str]:
    """The side record of a decision, under the user's pseudonym, and its salted hash."""
    ask = replace(answer.ask, user_id=user, deadline=0.0)  # a worker's own clock, which says nothing later
    kept = {"v": FORMAT, "ask": ask, "memory": answer.memory, "seal": seal_of(answer)}
    raw, salt = _encode(kept), secrets.token_bytes(SALT_BYTES)
    packed = (pack or packing())(raw)
    return Side(answer.decision_id, answer.at, user, salt, packed), sealed(salt, raw)


def remembered(found: Side) -> tuple[Ask, Memory | None]:
    """What was asked and what was known, from a side record."""
    kept = msgspec.json.decode(found.raw)
    ask = replace(msgspec.convert(kept["ask"], Ask), deadline=math.inf)
    known = kept["memory"]
    if known is None:
        return ask, None
    history = History(**known["history"])
    times = [math.nan if time is None else time for time in history.times]  # JSON has no NaN
    controls = msgspec.convert(known["controls"], Controls)
    whole = History(history.items, history.kinds, history.values, times)
    return ask, Memory(whole, known["seen"], known["profile"], controls, known["max_history"])


def seal_kept(found: Mapping[str, Any], beside: Side) -> str:
    """The digest of scores and reasons that was taken when a decision was made."""
    kept = found if found["v"] == 1 else msgspec.json.decode(beside.raw)
    return str(kept["seal"])


def sources_of(found: Mapping[str, Any]) -> list[str]:
    """The source of each item of a record."""
    return [name for name, length in found["sources"] for _ in range(length)]


def overrides_of(found: Mapping[str, Any]) -> list[str | None]:
    """The override of each item of a record."""
    placed = found.get("overrides", {})
    return [placed.get(str(place)) for place in range(len(found["items"]))]


def offset_of(found: Mapping[str, Any]) -> int:
    """How many places the pages before had."""
    return int(found["page"][0]) if "page" in found else 0


def notices_of(found: Mapping[str, Any]) -> list[list[Any] | None]:
    """What viewers were told of each item of a record: verdict and labels."""
    told = found.get("notices", {})
    return [told.get(str(place)) for place in range(len(found["items"]))]


def notices_told(answer: Answer) -> dict[str, list[Any]]:
    """(verdict, labels) of the items that are shown with a notice, by place from 0, as a record holds them."""
    given = enumerate(answer.notices)
    return {str(place): [note.verdict.code, list(note.labels)] for place, note in given if note is not None}


def hash_of(page_token: str) -> str:
    """By which a record knows a page token."""
    return _text(hashlib.sha256(page_token.encode()).digest()[:12])


def seal_of(answer: Answer) -> str:
    """A digest of what a record leaves out of a list: scores, reasons, explanations, parts that are not shown."""
    digest = hashlib.sha256(answer.slate.scores.tobytes())
    digest.update(_encode([answer.reasons, answer.because, answer.withheld]))
    return _text(digest.digest()[:12])


def sealed(salt: bytes, raw: bytes) -> str:
    """The salted hash of a side record."""
    return _text(hashlib.sha256(salt + raw).digest())


def _runs(sources: tuple[str, ...]) -> list[tuple[str, int]]:
    """Sources as (name, how many in a row)."""
    runs: list[tuple[str, int]] = []
    for source in sources:
        if runs and runs[-1][0] == source:
            runs[-1] = (source, runs[-1][1] + 1)
        else:
            runs.append((source, 1))
    return runs


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
