"""A work as Dublin Core: an ``oai_dc:dc`` element with the DCMI terms that refine it."""

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

from recsys.safety.export.schemaorg import time_text
from recsys.safety.export.work import Labelled, Offer, Work

NAMESPACES = {
    "oai_dc": "http://www.openarchives.org/OAI/2.0/oai_dc/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that no XML may hold


def dublin_core(work: Work) -> str:
    """One element, with its namespaces."""
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    inside = "\n".join(f"  <{name}>{_text(value)}</{name}>" for name, value in _terms(work) if value)
    return f"<oai_dc:dc {spaces}>\n{inside}\n</oai_dc:dc>"


def _terms(work: Work) -> Iterator[tuple[str, str | None]]:
    yield "dc:identifier", work.text("item_id")
    yield "dc:title", work.text("title")
    yield from (("dc:creator", name) for name in work.texts("authors"))
    yield from (("dc:subject", name) for name in (*work.texts("genres"), *work.texts("tags")))
    yield "dc:description", work.text("description")
    yield "dc:publisher", work.text("provider")
    yield "dc:date", work.text("year")
    yield "dc:type", work.text("media_type")
    yield "dc:language", work.text("language")
    min_age = work.record.get("min_age")
    yield "dcterms:audience", None if min_age is None else f"Age {int(min_age)} and over"
    yield from (("dcterms:provenance", _label(label)) for label in work.labels)
    for offer in work.offers:
        yield "dcterms:available", _period(offer)
        yield "dc:rights", _offer(offer)
    if not work.offers:
        yield "dc:rights", "Not to be shown in any territory"


def _label(label: Labelled) -> str:
    """``label=violence; source=model; score=0.9; territory=DE; expires=…``, as DCMI writes structured values."""
    said = {
        "label": label.label,
        "source": label.source,
        "score": None if label.score is None else f"{label.score:g}",
        "territory": label.territory,
        "expires": None if label.expires is None else time_text(label.expires),
    }
    return "; ".join(f"{name}={_value(value)}" for name, value in said.items() if value is not None)


def _period(offer: Offer) -> str:
    """DCMI Period; empty where it is open on both ends."""
    parts = {"start": time_text(offer.opens), "end": time_text(offer.closes)}
    given = [f"{name}={value};" for name, value in parts.items() if value]
    return " ".join([*given, "scheme=W3C-DTF;"]) if given else ""


def _offer(offer: Offer) -> str:
    where = ", ".join(offer.regions)
    place = (f"everywhere but in {where}" if where else "everywhere") if offer.but else f"in {where}"
    begin, end = time_text(offer.opens), time_text(offer.closes)
    when = f"{f' from {begin}' if begin else ''}{f' until before {end}' if end else ''}"
    return f"May be shown {place}{when}"


def _value(text: str) -> str:
    return re.sub(r"([;=\\])", r"\\\1", text)


def _text(value: str | None) -> str:
    return escape(_FORBIDDEN.sub("", value or ""))
