"""A work as schema.org JSON-LD."""

import json
import math
from datetime import UTC, datetime
from typing import Any

from recsys.safety.export.work import Labelled, Offer, Work

CONTEXT = "https://schema.org"
TYPES = {
    **dict.fromkeys(("book", "ebook", "audiobook", "novel"), "Book"),
    **dict.fromkeys(("film", "movie"), "Movie"),
    **dict.fromkeys(("series", "tv", "tvseries"), "TVSeries"),
    "episode": "TVEpisode",
    "album": "MusicAlbum",
    **dict.fromkeys(("music", "song", "track"), "MusicRecording"),
    **dict.fromkeys(("news", "article"), "NewsArticle"),
    **dict.fromkeys(("game", "videogame"), "VideoGame"),
    "podcast": "PodcastEpisode",
}


def schema_org(work: Work) -> dict[str, Any]:
    """One node, without its context. Nothing that is unknown stands in it."""
    year, min_age = work.record.get("year"), work.record.get("min_age")
    language, provider = work.text("language"), work.text("provider")
    node = {
        "@type": TYPES.get((work.text("media_type") or "").casefold(), "CreativeWork"),
        "identifier": work.text("item_id"),
        "name": work.text("title"),
        "description": work.text("description"),
        "genre": work.texts("genres"),
        "keywords": work.texts("tags"),
        "creator": [{"@type": "Person", "name": name} for name in work.texts("authors")],
        "inLanguage": language,
        "datePublished": None if year is None else f"{int(year):04}",
        "provider": None if provider is None else {"@type": "Organization", "name": provider},
        "contentRating": None if min_age is None else f"{int(min_age)}+",
        "typicalAgeRange": None if min_age is None else f"{int(min_age)}-",
        "additionalProperty": [_label(label) for label in work.labels],
        "offers": [_offer(offer) for offer in work.offers],
        "conditionsOfAccess": None if work.offers else "Not to be shown in any territory",
    }
    return {name: value for name, value in node.items() if value not in (None, [])}


def json_text(value: Any) -> str:
    """JSON that may stand inside a page's script element: no character in it ends one."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def time_text(at: float) -> str | None:
    """s UTC as ISO 8601; None for an open end."""
    if math.isinf(at):
        return None
    try:
        return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None if at > 0 else "0001-01-01T00:00:00Z"


def _label(label: Labelled) -> dict[str, Any]:
    said = {
        "source": label.source,
        "territory": label.territory,
        "expires": None if label.expires is None else time_text(label.expires),
    }
    return {
        "@type": "PropertyValue",
        "propertyID": "label",
        "name": label.label,
        "value": True if label.score is None else label.score,
        "valueReference": [
            {"@type": "PropertyValue", "propertyID": name, "value": value}
            for name, value in said.items()
            if value is not None
        ],
    }


def _offer(offer: Offer) -> dict[str, Any]:
    regions = "ineligibleRegion" if offer.but else "eligibleRegion"
    node = {
        "@type": "Offer",
        regions: list(offer.regions),
        "availabilityStarts": time_text(offer.opens),
        "availabilityEnds": time_text(offer.closes),
    }
    return {name: value for name, value in node.items() if value not in (None, [])}
