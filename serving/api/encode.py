"""Answers to bytes: what an item says of itself is encoded once a view, only the rest is written a request."""

from typing import Any

import msgspec

from recsys.overrides import NONE_LIVE, Live, rows
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


def _told(live: Live, override: str | None) -> dict[str, object]:
    """What campaigns say of a place: whose it is, and who pays."""
    told: dict[str, object] = {}
    if override is not None:
        told["override_id"] = override
    if (sponsor := live.sponsor(override)) is not None:
        told["promotion"] = {"label": sponsor.label, "sponsor": sponsor.name, "parameters": sponsor.parameters}
    return told


def _instead(live: Live, item: int) -> dict[str, str]:
    """The title and the picture that editors give a work now; a part that is withheld is withheld in any words."""
    text = live.resolved.texts.get(item)
    if text is None:
        return {}
    return {name: told for name in ("title", "artwork") if (told := getattr(text, name)) is not None}


def _items(answer: Answer) -> list[bytes]:
    slate, view = answer.slate, answer.view
    live = NONE_LIVE if answer.placed is None else answer.placed.live
    texts = live.resolved.texts
    out = []
    scores = slate.scores.tolist()
    for place, item in enumerate(slate.items.tolist()):
        notice = answer.notices[place] if answer.notices else None
        hidden = answer.withheld[place] if answer.withheld else ()
        own: dict[str, Any] = {
            "rank": answer.offset + place + 1,
            "score": scores[place],
            "source": slate.sources[place],
        }
        own |= _told(live, slate.overrides[place])
        if notice is not None:
            own["notice"] = {"verdict": notice.verdict.code, "labels": notice.labels}
        if hidden:
            own["withheld"] = hidden
        plain = not hidden and item not in texts
        members = view.shown[item] if plain else view.members(item, hidden, _instead(live, item))
        reason = _REASONS[answer.reasons[place]]
        because = answer.because[place]
        tail = b',"because":%b}' % _encode(because) if because else b"}"
        out.append(b'{%b,%b,"reason":%b%b}' % (members, _encode(own)[1:-1], reason, tail))
    return out
