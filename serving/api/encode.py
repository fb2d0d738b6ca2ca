"""Answers to bytes: what an item says of itself is encoded once a view, only the rest is written a request."""

import msgspec

from serving.asks import Answer
from serving.reasons import TEXTS

_encode = msgspec.json.Encoder().encode
_REASONS = {code: _encode({"code": code, **texts})[:-1] for code, texts in TEXTS.items()}


def encode_list(answer: Answer) -> bytes:
    """The JSON of a ListResponse."""
    view = answer.view
    head = {
        "decision_id": answer.decision_id,
        "surface": answer.ask.viewer.surface,
        "personalised": answer.personalised,
        "model": view.bundle.version,
        "policy": view.policy_id,
        "degraded": answer.degraded,
    }
    if answer.next_page is not None:
        head["next_page_token"] = answer.next_page
    return b'%b,"items":[%b]}' % (_encode(head)[:-1], b",".join(_items(answer)))


def _items(answer: Answer) -> list[bytes]:
    slate, shown = answer.slate, answer.view.shown
    rows = []
    scores = slate.scores.tolist()
    for place, item in enumerate(slate.items.tolist()):
        override = slate.overrides[place]
        own = {"rank": answer.offset + place + 1, "score": scores[place], "source": slate.sources[place]}
        if override is not None:
            own["override_id"] = override
        reason = _REASONS[answer.reasons[place]]
        because = answer.because[place]
        tail = b',"because":%b}' % _encode(because) if because else b"}"
        rows.append(b'{%b,%b,"reason":%b%b}' % (shown[item], _encode(own)[1:-1], reason, tail))
    return rows
