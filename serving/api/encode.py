"""Answers to bytes: what an item says of itself is encoded once a view, only the rest is written a request."""

from typing import Any

import msgspec

from serving.asks import Answer
from serving.reasons import TEXTS

_encode = msgspec.json.Encoder().encode
_REASONS = {code: _encode({"code": code, **texts})[:-1] for code, texts in TEXTS.items()}


def encode_list(answer: Answer) -> bytes:
    """The JSON of a ListResponse."""
    view = answer.view
    head: dict[str, Any] = {
        "decision_id": answer.decision_id,
        "surface": answer.ask.viewer.surface,
        "personalised": answer.personalised,
        "model": view.bundle.version,
        "policy": view.policy_id,
        "degraded": answer.degraded,
    }
    if answer.signals is not None:  # of a minor
        head["signals"] = {"curfew": answer.signals.curfew, "break": answer.signals.pause}
    if answer.next_page is not None:
        head["next_page_token"] = answer.next_page
    return b'%b,"items":[%b]}' % (_encode(head)[:-1], b",".join(_items(answer)))


def _items(answer: Answer) -> list[bytes]:
    slate, shown = answer.slate, answer.view.shown
    rows = []
    scores = slate.scores.tolist()
    for place, item in enumerate(slate.items.tolist()):
        override = slate.overrides[place]
        own: dict[str, Any] = {
            "rank": answer.offset + place + 1,
            "score": scores[place],
            "source": slate.sources[place],
        }
        if override is not None:
            own["override_id"] = override
        notice = answer.notices[place] if answer.notices else None
        if notice is not None:
            own["notice"] = {"verdict": notice.verdict.code, "labels": notice.labels}
        hidden = answer.withheld[place] if answer.withheld else ()
        if hidden:
            own["withheld"] = hidden
        members = answer.view.members(item, hidden) if hidden else shown[item]
        reason = _REASONS[answer.reasons[place]]
        because = answer.because[place]
        tail = b',"because":%b}' % _encode(because) if because else b"}"
        rows.append(b'{%b,%b,"reason":%b%b}' % (members, _encode(own)[1:-1], reason, tail))
    return rows
