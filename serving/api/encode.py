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
    texts, shown = live.resolved.texts, view.shown
    items = slate.items.tolist()
    scores = _encode(slate.scores.tolist())[1:-1].split(b",") if items else []  # once: it is the same for each alone
    notices, hidden = answer.notices or (None,) * len(items), answer.withheld or ((),) * len(items)
    why = list(zip(slate.sources, slate.overrides, answer.reasons, strict=True))
    heads = {key: _source(live, key[0], key[1]) for key in set(why)}
    plain = {key: b'%b,"reason":%b}' % (head, _REASONS[key[2]]) for key, head in heads.items()}  # what ends most items
    out = []
    columns = zip(items, scores, why, notices, hidden, answer.because, strict=True)
    for rank, (item, score, key, notice, parts, because) in enumerate(columns, answer.offset + 1):
        members = shown[item] if not parts and item not in texts else view.members(item, parts, _instead(live, item))
        if notice is None and not parts and not because:
            out.append(b'{%b,"rank":%d,"score":%b,%b}' % (members, rank, score, plain[key]))
            continue
        own = b'"rank":%d,"score":%b,%b' % (rank, score, heads[key])
        if notice is not None:
            own += b',"notice":' + _encode({"verdict": notice.verdict.code, "labels": notice.labels})
        if parts:
            own += b',"withheld":' + _encode(parts)
        tail = b',"because":%b}' % _encode(because) if because else b"}"
        out.append(b'{%b,%b,"reason":%b%b}' % (members, own, _REASONS[key[2]], tail))
    return out


def _source(live: Live, source: str, override: str | None) -> bytes:
    """The members that say who put an item there."""
    return _encode({"source": source, **_told(live, override)})[1:-1]
