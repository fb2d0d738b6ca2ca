"""How labels and territories are written, wherever they come from."""

import re
import unicodedata

EVERYWHERE = frozenset({"WW", "*"})
_CODE = re.compile(r"[A-Z]{2}")
_MAX_LABEL = 64


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
    """An ISO 3166-1 alpha-2 code in upper case; None where it is unknown or no such code. WW is not a place."""
    if not isinstance(value, str):
        return None
    code = value.strip().upper()
    return code if _CODE.fullmatch(code) and code not in EVERYWHERE else None
