"""Answers to bytes: what an item says of itself is encoded once a view, only the rest is written a request."""

import msgspec

from recsys.overrides import NONE_LIVE, Live, rows
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
    if titled := _titled(answer):
        head["rows"] = titled
    if answer.next_page is not None:
        head["next_page_token"] = answer.next_page
    return b'%b,"items":[%b]}' % (_encode(head)[:-1], b",".join(_items(answer)))


def _titled(answer: Answer) -> list[dict[str, object]]:
    """The titled rows of a list."""
    if answer.placed is None:
        return []
    live, slate = answer.placed.live, answer.slate
    return [
        {"override_id": override, "title": live.title(override), "rank": answer.offset + start, "size": size}
        for override, start, size in rows(slate.overrides, slate.sources)
    ]


def _told(live: Live, override: str | None, item: int) -> dict[str, object]:
    """What campaigns say of a place: whose it is, who pays, another picture."""
    told: dict[str, object] = {}
    if override is not None:
        told["override_id"] = override
    text = live.resolved.texts.get(item)
    if text is not None and text.artwork is not None:
        told["artwork"] = text.artwork
    if (sponsor := live.sponsor(override)) is not None:
        told["promotion"] = {"label": sponsor.label, "sponsor": sponsor.name, "parameters": sponsor.parameters}
    return told


def _items(answer: Answer) -> list[bytes]:
    slate, view = answer.slate, answer.view
    live = NONE_LIVE if answer.placed is None else answer.placed.live
    texts = live.resolved.texts
    out = []
    scores = slate.scores.tolist()
    for place, item in enumerate(slate.items.tolist()):
        own = {"rank": answer.offset + place + 1, "score": scores[place], "source": slate.sources[place]}
        own |= _told(live, slate.overrides[place], item)
        members = view.members(item, texts[item].title) if item in texts else view.shown[item]
        reason = _REASONS[answer.reasons[place]]
        because = answer.because[place]
        tail = b',"because":%b}' % _encode(because) if because else b"}"
        out.append(b'{%b,%b,"reason":%b%b}' % (members, _encode(own)[1:-1], reason, tail))
    return out
