"""Rights: where and when a work may be shown, from plain fields and from ONIX, Avails and DDEX documents."""

from recsys.safety.rights.entry import Entry, joined, same
from recsys.safety.rights.form import decoded, encoded
from recsys.safety.rights.item import from_item
from recsys.safety.rights.places import WORLD, Places, only, places
from recsys.safety.rights.reading import FORMATS, Format, read_file, read_rights
from recsys.safety.rights.record import ALLOWED, FORBIDDEN, Rights, Term

__all__ = [
    "ALLOWED",
    "FORBIDDEN",
    "FORMATS",
    "WORLD",
    "Entry",
    "Format",
    "Places",
    "Rights",
    "Term",
    "decoded",
    "encoded",
    "from_item",
    "joined",
    "only",
    "places",
    "read_file",
    "read_rights",
    "same",
]
