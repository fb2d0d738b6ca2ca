"""What divides the counts: media types of items, territories of people."""

from collections.abc import Mapping

from recsys.types import NOTHING


def plain(name: str | None) -> str:
    """A media type or territory as it is compared; empty where it is unknown."""
    return "" if name is None else name.strip().casefold()


def territory(profile: Mapping[str, str], context: Mapping[str, str] = NOTHING) -> str:
    """Where someone is: the request says it before the profile does; empty where neither does."""
    told = context.get("territory") or profile.get("territory") or profile.get("country")
    return plain(told)
