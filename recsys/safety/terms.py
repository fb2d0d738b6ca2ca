"""How labels and territories are written, wherever they come from."""

import re
import unicodedata
from functools import lru_cache

EVERYWHERE = frozenset({"WW", "*"})
_CODE = re.compile(r"[A-Z]{2}")
_USERS = re.compile(r"AA|Q[M-Z]|X[A-Z]|ZZ")  # left to users by ISO 3166-1
_MAX_LABEL = 64
_MAX_CODE = 16  # characters of a territory with the blanks around it


def plain(value: str) -> str:
    """A name as it is compared: NFKC, without surrounding blanks, without case."""
    return unicodedata.normalize("NFKC", value).strip().casefold()


def label(value: object) -> str | None:
    """A label in its compared form; None where it cannot be a label.

    Empty, over-long and unprintable strings are broken, and so are those with a separator, which are unsplit lists.
    """
    if not isinstance(value, str):
        return None
    name = plain(value)
    broken = not name or len(name) > _MAX_LABEL or not name.isprintable() or any(sign in name for sign in "|;,\ufffd")
    return None if broken else name


def territory(value: object) -> str | None:
    """An ISO 3166-1 alpha-2 code in upper case, with UK and EL as the GB and GR that they stand for.

    None where it is unknown or none of these: WW and EU are no one place. XK and the other codes that the standard
    leaves to its users are places.
    """
    return _territory(value) if isinstance(value, str) and len(value) <= _MAX_CODE else None


@lru_cache(maxsize=4 * 26 * 26)  # a request asks for its own a dozen times
def _territory(value: str) -> str | None:
    from recsys.safety.rights.places import code, countries  # stands on this module

    name = value.strip().upper()
    if not _CODE.fullmatch(name):
        return None
    found = code(name)
    return found if found in countries() or _USERS.fullmatch(name) else None
